"""Demonstrations in simulation as LeRobot v3 datasets: seeded, in parallel processes, and resumed where they stopped.

Data flows one way: settings -> attempts (a scene each, in any process) -> parts (one-episode datasets) -> dataset.
"""
