"""The world of a task, opened as the settings want it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from typing import TYPE_CHECKING

from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.worlds.base import World
from sim_eval.rollout.worlds.beginnings import Beginnings, RecordedBeginnings, SimulatedBeginnings
from sim_eval.rollout.worlds.imagined import WorldInImagination
from sim_eval.rollout.worlds.physics import WorldInPhysics

if TYPE_CHECKING:
    from sim_eval.physics.gymnasium_environment import RobosuiteEnvironment


def open_physics(settings: RolloutSettings, task: str) -> RobosuiteEnvironment:
    """``CosmosPolicy/Robosuite-v0`` as the settings want it, without Gymnasium's wrappers."""
    import gymnasium

    import sim_eval  # noqa: F401 (registers the environment)

    return gymnasium.make(
        "CosmosPolicy/Robosuite-v0",
        task=task,
        embodiment=settings.embodiment,
        robot=settings.robot,
        image_size=settings.image_size,
        supersampling=settings.supersampling,
        randomization=settings.randomization,
        time_limit_s=settings.time_limit_s,
    ).unwrapped


def open_beginnings(settings: RolloutSettings, group: str) -> Beginnings:
    """How the imagined episodes of a group (one of ``settings.groups``) begin."""
    return RecordedBeginnings(settings) if settings.begins_from_dataset else SimulatedBeginnings(settings, group)


def robot_of(settings: RolloutSettings) -> Embodiment:
    """Who acts, with no checkpoint's normaliser. Every group's scene is opened once: what does not fit shows before a
    model is loaded."""
    for group in settings.groups:
        opening = open_world if settings.imagination is None else open_beginnings
        with closing(opening(settings, group)) as opened:
            robot = opened.robot
    return robot


def open_world(
    settings: RolloutSettings,
    group: str,
    imaginer: WorldActionModel | None = None,
    beginnings: Callable[[RolloutSettings, str], Beginnings] = open_beginnings,
) -> World:
    """The world of a group of episodes (one of ``settings.groups``); the caller closes it.

    imaginer, beginnings: who imagines it, and how its episodes begin, where ``settings.imagination`` wants that.
    """
    if settings.imagination is None:
        return WorldInPhysics(open_physics(settings, group), records=settings.record)
    return WorldInImagination(settings, beginnings(settings, group), imaginer)
