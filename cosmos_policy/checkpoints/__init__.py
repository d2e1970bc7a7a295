"""Checkpoints: which are known, what their folder must hold, and how a name becomes one."""

from cosmos_policy.checkpoints.registry import CheckpointCard, cards, find_card
from cosmos_policy.checkpoints.resolve import Checkpoint, resolve_checkpoint

__all__ = ["Checkpoint", "CheckpointCard", "cards", "find_card", "resolve_checkpoint"]
