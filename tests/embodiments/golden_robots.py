"""How the golden vectors of each robot are read: raw columns -> our trajectory, and which of our blocks is theirs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from embodiments import Trajectory

Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class GoldenRobot:
    """`trajectory(arrays, case)` builds our trajectory; `blocks` are our pose blocks in the order of the golden's b;
    `float32` holds three times the errors that the golden README lists: action, clamped norm, integrated poses."""

    embodiment: str
    file: str
    trajectory: Callable[[Arrays, int], Trajectory]
    blocks: tuple[str, ...]
    float32: tuple[float, float, float]


def droid(arrays: Arrays, case: int) -> Trajectory:
    return Trajectory(
        states={
            "cartesian_position": arrays["raw_cartesian_position"][case],
            "gripper_position": arrays["raw_gripper_state"][case],
            "joint_position": arrays["raw_joint_state"][case],
        },
        commands={
            "gripper_position": arrays["raw_gripper_action"][case],
            "joint_position": arrays["raw_joint_action"][case],
        },
    )


ROBOTS = {
    robot.embodiment: robot
    for robot in (GoldenRobot("droid", "droid.npz", droid, ("end_effector",), (3.6e-7, 4.8e-4, 9.3e-7)),)
}
