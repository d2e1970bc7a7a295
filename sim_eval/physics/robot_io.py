"""What passes between a simulated robot and whoever drives it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class RobotState:
    """What the robot measures."""

    joint_positions: np.ndarray
    """``[joints]`` float64, rad."""
    flange_pose: np.ndarray
    """``[4, 4]`` float64, m: flange in the robot's base frame."""
    gripper_position: float
    """Fraction of the gripper's stroke: 0 open, 1 closed."""


@dataclass(frozen=True)
class RobotCommand:
    """What the robot is told for one control step."""

    joint_positions: np.ndarray
    """``[joints]`` float64, rad, absolute."""
    gripper_position: float
    """Wanted fraction of the gripper's stroke: 0 open, 1 closed."""
