"""A checkpoint, loaded as ``cosmos_policy.load`` does."""

from __future__ import annotations

from typing import Any

import cosmos_policy
from cosmos_policy.world_action_model import WorldActionModel


def load(**options: Any) -> WorldActionModel:
    """`options` are those of :func:`cosmos_policy.load`."""
    return cosmos_policy.load(**options)
