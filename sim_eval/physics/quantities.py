"""What a simulated robot measures and is told, under the names that embodiments use."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from embodiments import EmbodimentError
from embodiments.columns import Field
from sim_eval.physics.robot_io import ArmsCommand, ArmsState, RobotCommand, RobotState


def of_arm(arm: str, quantity: str) -> str:
    """The name of an arm's quantity: as it is for the only arm (""), ``left_<quantity>`` for the arm "left"."""
    return f"{arm}_{quantity}" if arm else quantity


_ARM_BOUNDS = {
    "cartesian_position": (np.array([-1.5] * 3 + [-np.pi] * 3), np.array([1.5] * 3 + [np.pi] * 3)),
    "joint_position": (-2.0 * np.pi, 2.0 * np.pi),
    "gripper_position": (0.0, 1.0),
}
BOUNDS = {of_arm(arm, name): bounds for arm in ("", "left", "right") for name, bounds in _ARM_BOUNDS.items()}
"""Quantity -> lowest and highest value; m beyond the reach of the arms here, rad at the widest joint stops."""


def measured(state: RobotState | ArmsState) -> dict[str, np.ndarray]:
    """``cartesian_position`` (flange in the base frame: xyz in m, extrinsic xyz Euler angles in rad),
    ``joint_position`` (rad) and ``gripper_position`` (0 open, 1 closed); of several arms, each under its name."""
    if isinstance(state, ArmsState):
        return {of_arm(arm, name): value for arm, one in state.arms.items() for name, value in measured(one).items()}
    euler = Rotation.from_matrix(state.flange_pose[:3, :3]).as_euler("xyz")
    return {
        "cartesian_position": np.concatenate([state.flange_pose[:3, 3], euler]),
        "joint_position": state.joint_positions,
        "gripper_position": np.clip([state.gripper_position], 0.0, 1.0),  # the joint's stop is soft: up to 0.3 % over
    }


def commanded(command: RobotCommand | ArmsCommand) -> dict[str, np.ndarray]:
    """``joint_position`` (rad) and ``gripper_position`` (0 open, 1 closed); of several arms, each under its name."""
    if isinstance(command, ArmsCommand):
        return {of_arm(arm, name): value for arm, one in command.arms.items() for name, value in commanded(one).items()}
    return {"joint_position": command.joint_positions, "gripper_position": np.array([command.gripper_position])}


def present(
    fields: tuple[Field, ...], state: RobotState | ArmsState, command: RobotCommand | ArmsCommand
) -> dict[str, np.ndarray]:
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
