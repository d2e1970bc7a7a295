"""The world of a run, opened."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.world import World


@contextlib.contextmanager
def open_world(settings: RolloutSettings) -> Iterator[World]:
    """``CosmosPolicy/Robosuite-v0`` as the settings want it."""
    import gymnasium

    import sim_eval  # noqa: F401 (registers the environment)

    environment = gymnasium.make(
        "CosmosPolicy/Robosuite-v0",
        task=settings.task,
        embodiment=settings.embodiment,
        robot=settings.robot,
        image_size=settings.image_size,
        supersampling=settings.supersampling,
        randomization=settings.randomization,
        time_limit_s=settings.time_limit_s,
    )
    try:
        yield environment.unwrapped  # Gymnasium's wrappers look at every step; a closed loop looks when it asks
    finally:
        environment.close()
