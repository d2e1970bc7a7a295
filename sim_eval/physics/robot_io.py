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


@dataclass(frozen=True)
class HumanoidState:
    """What a humanoid measures, in the frame of its base."""

    camera_pose: np.ndarray
    """``[4, 4]`` float64, m: the head camera (x right, y down, z forward)."""
    wrist_poses: Mapping[str, np.ndarray]
    """"right" and "left": ``[4, 4]`` float64, m; z to the fingers, x out of the palm."""
    hand_points: Mapping[str, np.ndarray]
    """"right" and "left": ``[21, 3]`` float64, m: wrist, then four points of each digit from thumb to little finger."""


@dataclass(frozen=True)
class HumanoidCommand:
    """What a humanoid is told for one control step."""

    joint_positions: np.ndarray
    """``[20]`` float64, rad, absolute: waist (3), head (3), right arm (7), left arm (7)."""
    finger_positions: Mapping[str, np.ndarray]
    """"right" and "left": ``[6]`` float64, 0 open to 1 closed: little, ring, middle, index, thumb, thumb's turn."""
