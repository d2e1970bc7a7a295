"""The model of a run, opened."""

from __future__ import annotations

import cosmos_policy
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rollout.settings import RolloutSettings


def open_model(settings: RolloutSettings) -> WorldActionModel:
    """A checkpoint here, or a connection to the server that the settings name."""
    if settings.server is not None:
        return cosmos_policy.connect(settings.server, embodiment=settings.embodiment, like=settings.like)
    how = {name: getattr(settings, name) for name in ("device", "dtype", "revision", "like")}
    return cosmos_policy.load(settings.checkpoint, **how)
