"""The checkpoint ``tiny``: Cosmos 3's architecture and folder layout at 1 MB, made on the spot from a fixed seed.

Its weights are random. It proves paths, shapes and arithmetic on a CPU; it knows nothing about the world.
"""

from cosmos_policy.checkpoints.tiny.build import build_tiny, tiny_checkpoint

__all__ = ["build_tiny", "tiny_checkpoint"]
