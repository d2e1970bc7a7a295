"""Closed loops: a policy acts in a world, chunk by chunk, as a robot would let it.

Data flows one way: settings -> episodes (world + policy + chunk execution) -> ``results.jsonl`` -> summary -> report.
"""
