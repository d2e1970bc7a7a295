"""The models of a run: who acts, and who imagines."""

from __future__ import annotations

from contextlib import ExitStack

import cosmos_policy
from cosmos_policy.client import is_address
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rollout.settings import RolloutSettings


def open_models(settings: RolloutSettings, opened: ExitStack) -> tuple[WorldActionModel, WorldActionModel | None]:
    """(who acts, who imagines; None in physics). `opened` closes them. One checkpoint that does both is loaded once."""
    acts = opened.enter_context(_acting(settings))
    if settings.imagination is None:
        return acts, None
    name = settings.imagination.checkpoint
    if settings.server is None and name == settings.checkpoint:
        return acts, acts
    return acts, opened.enter_context(_imagining(name, settings))


def _acting(settings: RolloutSettings) -> WorldActionModel:
    if settings.server is not None:
        return cosmos_policy.connect(settings.server, embodiment=settings.embodiment, like=settings.like)
    how = {name: getattr(settings, name) for name in ("device", "dtype", "revision", "like")}
    return cosmos_policy.load(settings.checkpoint, **how)


def _imagining(name: str, settings: RolloutSettings) -> WorldActionModel:
    if is_address(name):
        return cosmos_policy.connect(name, embodiment=settings.embodiment)
    return cosmos_policy.load(name, device=settings.device, dtype=settings.dtype)
