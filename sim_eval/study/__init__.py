"""What predicts success? One checkpoint, worse and worse, asked three ways: in a replay, in imagination, in physics.

Data flows one way: corruptions -> the three evaluations of each (in a folder of its own) -> rank correlations -> page.
"""
