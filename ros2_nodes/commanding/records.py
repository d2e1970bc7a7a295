"""What is sent to the robot, without the message. `output` is the output's name in the contract."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class JointTrajectoryCommand:
    """trajectory_msgs/JointTrajectory: the whole remaining motion, which ends at rest.

    times_s: [P], strictly increasing, the first above 0; they count from `past_s` before the moment of sending, or from
    the message's arrival where that is None. positions: [P, N] rad (m). velocities: [P, N], the last row zero.
    """

    output: str
    joint_names: tuple[str, ...]
    times_s: np.ndarray
    positions: np.ndarray
    velocities: np.ndarray
    past_s: float | None = None


@dataclass(frozen=True)
class StreamedPositions:
    """std_msgs/Float64MultiArray: positions [N] (rad, m) for now, in the order of `joint_names`."""

    output: str
    joint_names: tuple[str, ...]
    positions: np.ndarray


@dataclass(frozen=True)
class PoseCommand:
    """geometry_msgs/PoseStamped: position [3] m, quaternion_xyzw [4]."""

    output: str
    frame_id: str
    position: np.ndarray
    quaternion_xyzw: np.ndarray


@dataclass(frozen=True)
class TwistCommand:
    """geometry_msgs/TwistStamped: linear [3] m/s of the tool's origin, angular [3] rad/s, in the axes of `frame_id`."""

    output: str
    frame_id: str
    linear: np.ndarray
    angular: np.ndarray


@dataclass(frozen=True)
class PathCommand:
    """nav_msgs/Path. times_s: [P] from the moment of sending. positions: [P, 3] m. quaternions_xyzw: [P, 4].

    No points: there is nothing to follow, stop."""

    output: str
    frame_id: str
    times_s: np.ndarray
    positions: np.ndarray
    quaternions_xyzw: np.ndarray


@dataclass(frozen=True)
class GripperCommand:
    """The gripper's number, in the robot's own unit; max_effort (N) and joint_name where the output has them."""

    output: str
    kind: str
    """gripper_number, gripper_trajectory or gripper_action."""
    position: float
    max_effort: float | None
    joint_name: str | None


Command = JointTrajectoryCommand | StreamedPositions | PoseCommand | TwistCommand | PathCommand | GripperCommand
