"""What a task must state so that a scene can be built for it and an expert can play it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from robosuite.environments.robot_env import RobotEnv

    from sim_eval.physics.arm import Arm
    from sim_eval.physics.environment import PhysicsEnvironment

Goal = Callable[["Arm", np.ndarray], np.ndarray]
"""Flange pose ``[4, 4]`` (m, the arm's base frame) to go to, from the scene as the arm sees it now and the pose at the
phase's start. Each arm of a robot is asked; a humanoid is asked for its right wrist."""


@dataclass(frozen=True)
class MotionLimits:
    """How fast the flange is led."""

    speed_m_per_s: float
    acceleration_m_per_s2: float
    turn_rate_rad_per_s: float = 0.7
    turn_acceleration_rad_per_s2: float = 2.0


@dataclass(frozen=True)
class Phase:
    """One part of what an expert does: go there, with the gripper so, and stay a while."""

    name: str
    goal: Goal
    gripper_position: float
    """Command throughout the phase: 0 open, 1 closed."""
    limits: MotionLimits
    position_tolerance_m: float = 0.005
    """The flange has arrived when it is this near, and its rotation is within 0.05 rad."""
    dwell_s: float = 0.0
    """Time to stay after arriving, seconds."""
    time_limit_s: float = 8.0
    is_approach: bool = False
    """Whether the goal may be missed a little by chance (``Randomization.approach_m``)."""


@dataclass(frozen=True)
class Task:
    """A robosuite environment and how to do what it asks."""

    name: str
    environment: str
    """robosuite's name of it."""
    instruction: str
    """What a person would tell the robot; the task text of recorded datasets."""
    objects: Mapping[str, str]
    """Names of the objects that goals may ask for, and the MuJoCo body of each."""
    scene_options: Callable[[int, float], dict]
    """Keyword arguments for the robosuite environment, from the seed and ``Randomization.placement``."""
    time_limit_s: float
    """Time after which a policy has failed, seconds; about twice what the expert takes."""
    phases: tuple[Phase, ...]
    succeeded: Callable[[PhysicsEnvironment], bool] | None = None
    """Whether the task is done at this moment; robosuite's own criterion for the environment if left out."""
    adjust_scene: Callable[[RobotEnv, float], None] | None = None
    """Called with the built scene and ``Randomization.placement`` before objects are placed: what no option sets."""
    body: str = "one arm"
    """The kind of robot that it takes: "one arm", "two arms" or "a humanoid"."""
