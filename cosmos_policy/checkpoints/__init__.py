"""Checkpoints: which are known, what their folder must hold, and how a name becomes one."""

from cosmos_policy.checkpoints.normalizers import embodiment_for
from cosmos_policy.checkpoints.registry import CheckpointCard, NormalizerSpec, cards, find_card
from cosmos_policy.checkpoints.resolve import Checkpoint, resolve_checkpoint

__all__ = [
    "Checkpoint",
    "CheckpointCard",
    "NormalizerSpec",
    "cards",
    "embodiment_for",
    "find_card",
    "resolve_checkpoint",
]
