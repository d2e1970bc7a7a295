"""What passes between a simulated robot and whoever drives it."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RobotState:
    """What one arm measures."""

    joint_positions: np.ndarray
    """``[joints]`` float64, rad."""
    flange_pose: np.ndarray
    """``[4, 4]`` float64, m: flange in the arm's base frame."""
    gripper_position: float
    """Fraction of the gripper's stroke: 0 open, 1 closed."""


@dataclass(frozen=True)
class RobotCommand:
    """What one arm is told for one control step."""

    joint_positions: np.ndarray
    """``[joints]`` float64, rad, absolute."""
    gripper_position: float
    """Wanted fraction of the gripper's stroke: 0 open, 1 closed."""


@dataclass(frozen=True)
class ArmsState:
    """What a robot of several arms measures."""

    arms: Mapping[str, RobotState]
    """By the arm's name, each in the frame of its own base."""


@dataclass(frozen=True)
class ArmsCommand:
    """What a robot of several arms is told for one control step."""

    arms: Mapping[str, RobotCommand]
    """By the arm's name."""
