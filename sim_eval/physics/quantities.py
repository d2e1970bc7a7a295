"""What a simulated robot measures and is told, under the names that embodiments use."""

from __future__ import annotations

from functools import singledispatch
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation

from embodiments import EmbodimentError
from embodiments.columns import Field
from sim_eval.physics.robot_io import (
    ArmsCommand,
    ArmsState,
    HumanoidCommand,
    HumanoidState,
    RobotCommand,
    RobotState,
)


def of_arm(arm: str, quantity: str) -> str:
    """The name of an arm's quantity: as it is for the only arm (""), ``left_<quantity>`` for the arm "left"."""
    return f"{arm}_{quantity}" if arm else quantity


_ARM_BOUNDS = {
    "cartesian_position": (np.array([-1.5] * 3 + [-np.pi] * 3), np.array([1.5] * 3 + [np.pi] * 3)),
    "joint_position": (-2.0 * np.pi, 2.0 * np.pi),
    "gripper_position": (0.0, 1.0),
}
BOUNDS = {of_arm(arm, name): bounds for arm in ("", "left", "right") for name, bounds in _ARM_BOUNDS.items()} | {
    "camera_position": (-2.0, 2.0),
    "camera_rotation": (-1.0, 1.0),
    **{f"{side}_hand_positions": (-2.0, 2.0) for side in ("right", "left")},
    **{f"{side}_hand_rotations": (-1.0, 1.0) for side in ("right", "left")},
}
"""Quantity -> lowest and highest value; m beyond the reach of the robots here, rad at the widest joint stops."""
DIGITS = ("thumb", "index", "middle", "ring", "little")


def arm_columns(arm: str, joint_names: tuple[str, ...]) -> dict[str, list[str]]:
    """What each number of an arm's quantities is, with its unit."""
    columns = {
        "cartesian_position": ("x_m", "y_m", "z_m", "roll_rad", "pitch_rad", "yaw_rad"),
        "joint_position": [f"{name}_rad" for name in joint_names],
        "gripper_position": ("closed_fraction",),
    }
    return {of_arm(arm, quantity): [of_arm(arm, one) for one in own] for quantity, own in columns.items()}


def hand_columns() -> dict[str, list[str]]:
    """What each number of a humanoid's quantities is, with its unit."""
    joints = ["wrist"] + [f"{digit}_{point}" for digit in DIGITS for point in range(1, 5)]
    columns = {"camera_position": ["x_m", "y_m", "z_m"], "camera_rotation": ["x", "y", "z", "w"]}
    for side in ("right", "left"):
        columns[f"{side}_hand_positions"] = [f"{joint}_{axis}_m" for joint in joints for axis in "xyz"]
        columns[f"{side}_hand_rotations"] = [f"{joint}_{axis}" for joint in joints for axis in "xyzw"]
    return columns


@singledispatch
def measured(state: Any) -> dict[str, np.ndarray]:
    """What a robot measures (one of :mod:`~sim_eval.physics.robot_io`'s states), by the embodiments' names.

    One arm: ``cartesian_position`` (flange in the base frame: xyz in m, extrinsic xyz Euler angles in rad),
    ``joint_position`` (rad) and ``gripper_position`` (0 open, 1 closed); of several arms, each under its name.
    A humanoid: ``camera_position`` (m), ``camera_rotation`` (quaternion xyzw), and in the camera's frame of both hands
    ``<side>_hand_positions`` (21 points, m) and ``<side>_hand_rotations`` (21 quaternions xyzw, all the wrist's).
    """
    raise TypeError(f"no robot here measures a {type(state).__name__}")


@measured.register
def _(state: RobotState) -> dict[str, np.ndarray]:
    euler = Rotation.from_matrix(state.flange_pose[:3, :3]).as_euler("xyz")
    return {
        "cartesian_position": np.concatenate([state.flange_pose[:3, 3], euler]),
        "joint_position": state.joint_positions,
        "gripper_position": np.clip([state.gripper_position], 0.0, 1.0),  # the joint's stop is soft: up to 0.3 % over
    }


@measured.register
def _(state: ArmsState) -> dict[str, np.ndarray]:
    return {of_arm(arm, name): value for arm, one in state.arms.items() for name, value in measured(one).items()}


@measured.register
def _(state: HumanoidState) -> dict[str, np.ndarray]:
    camera = state.camera_pose
    values = {"camera_position": camera[:3, 3], "camera_rotation": Rotation.from_matrix(camera[:3, :3]).as_quat()}
    for side, points in state.hand_points.items():
        wrist = Rotation.from_matrix(camera[:3, :3].T @ state.wrist_poses[side][:3, :3]).as_quat()
        values[f"{side}_hand_positions"] = ((points - camera[:3, 3]) @ camera[:3, :3]).reshape(-1)
        values[f"{side}_hand_rotations"] = np.tile(wrist, len(points))
    return values


@singledispatch
def commanded(command: Any) -> dict[str, np.ndarray]:
    """What a robot is told (one of :mod:`~sim_eval.physics.robot_io`'s commands), by the embodiments' names.

    One arm: ``joint_position`` (rad) and ``gripper_position`` (0 open, 1 closed); of several arms, each under its name.
    A humanoid: nothing, for its embodiment reads what was measured.
    """
    raise TypeError(f"no robot here is told a {type(command).__name__}")


@commanded.register
def _(command: RobotCommand) -> dict[str, np.ndarray]:
    return {"joint_position": command.joint_positions, "gripper_position": np.array([command.gripper_position])}


@commanded.register
def _(command: ArmsCommand) -> dict[str, np.ndarray]:
    return {of_arm(arm, name): value for arm, one in command.arms.items() for name, value in commanded(one).items()}


@commanded.register
def _(command: HumanoidCommand) -> dict[str, np.ndarray]:
    return {}


def present(fields: tuple[Field, ...], state: Any, command: Any) -> dict[str, np.ndarray]:
    """The present state of an embodiment, float64: a field of role "command" is the command in force (``ur``).

    Raises:
        EmbodimentError: a field that a simulated robot does not have.
    """
    sources = {"state": measured(state), "command": commanded(command)}
    values: dict[str, np.ndarray] = {}
    for field in fields:
        if field.name not in sources[field.role]:
            raise EmbodimentError(
                f"the simulated robot has no {field.role} {field.name!r}; it has {', '.join(sources[field.role])}"
            )
        values.setdefault(field.name, np.asarray(sources[field.role][field.name], dtype=np.float64))
    return values
