"""An embodiment's commands, one control step of them, as a Gymnasium space and as the simulated robot's own command."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from gymnasium import spaces
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from sim_eval.physics.quantities import commanded
from sim_eval.physics.robot_io import RobotCommand

if TYPE_CHECKING:
    from sim_eval.physics.environment import PhysicsEnvironment

_REACH_M = 1.5
"""Box of positions around the base that commands may name; neither arm here reaches further."""


class CommandSpace(ABC):
    """What one control step of an embodiment's commands holds."""

    space: spaces.Dict

    @abstractmethod
    def to_robot(self, command: Mapping[str, np.ndarray], environment: PhysicsEnvironment) -> RobotCommand:
        """The joint command that carries it out."""

    @abstractmethod
    def hold(self, environment: PhysicsEnvironment) -> dict[str, np.ndarray]:
        """The command that keeps the robot where its command in force holds it."""

    def pick(self, chunk: Mapping[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
        """One row of a chunk's commands (``ActionChunk.commands``), as this space has them."""
        return {
            name: np.asarray(chunk[name][row], dtype=np.float64).reshape(box.shape)
            for name, box in self.space.spaces.items()
        }

    def check(self, command: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The values of one action, float64; a :class:`UsageError` says what is missing or wrong."""
        values = {}
        for name, box in self.space.spaces.items():
            if name not in command:
                raise UsageError(f"the action lacks {name!r}; it holds {', '.join(command) or 'nothing'}")
            value = np.asarray(command[name], dtype=np.float64)
            if value.shape != box.shape or not np.isfinite(value).all():
                raise UsageError(
                    f"{name!r} of the action must be finite numbers of shape {list(box.shape)}, not {value.tolist()}"
                )
            values[name] = value
        return values


class JointCommands(CommandSpace):
    """``joint_position`` (rad) and ``gripper_position`` (0 open, 1 closed), absolute."""

    def __init__(self, low: np.ndarray, high: np.ndarray) -> None:
        self.space = spaces.Dict(
            {"joint_position": spaces.Box(low, high, dtype=np.float64), "gripper_position": _gripper_box()}
        )

    def to_robot(self, command: Mapping[str, np.ndarray], environment: PhysicsEnvironment) -> RobotCommand:
        values = self.check(command)
        box = self.space["joint_position"]
        joints = np.clip(values["joint_position"], box.low, box.high)  # the arm's own stops
        return RobotCommand(joints, float(values["gripper_position"][0]))

    def hold(self, environment: PhysicsEnvironment) -> dict[str, np.ndarray]:
        return commanded(environment.command_in_force)


class PoseCommands(CommandSpace):
    """``<block>_position`` (m), ``<block>_quaternion_xyzw`` and ``gripper_position``: where the flange shall be when
    the step ends. Differential inverse kinematics, from the command in force, makes joint positions of it."""

    def __init__(self, block: str) -> None:
        self._position, self._quaternion = f"{block}_position", f"{block}_quaternion_xyzw"
        self.space = spaces.Dict(
            {
                self._position: spaces.Box(-_REACH_M, _REACH_M, (3,), dtype=np.float64),
                self._quaternion: spaces.Box(-1.0, 1.0, (4,), dtype=np.float64),
                "gripper_position": _gripper_box(),
            }
        )

    def to_robot(self, command: Mapping[str, np.ndarray], environment: PhysicsEnvironment) -> RobotCommand:
        values = self.check(command)
        if np.linalg.norm(values[self._quaternion]) < 1e-6:
            raise UsageError(f"{self._quaternion!r} of the action is zero, which is no rotation")
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_quat(values[self._quaternion]).as_matrix()
        pose[:3, 3] = values[self._position]
        start = environment.command_in_force.joint_positions
        joints = environment.kinematics.nearest_joint_positions(pose, start)
        return RobotCommand(joints, float(values["gripper_position"][0]))

    def hold(self, environment: PhysicsEnvironment) -> dict[str, np.ndarray]:
        command = environment.command_in_force
        pose = environment.kinematics.flange_pose(command.joint_positions)
        return {
            self._position: pose[:3, 3],
            self._quaternion: Rotation.from_matrix(pose[:3, :3]).as_quat(),
            "gripper_position": np.array([command.gripper_position]),
        }


def command_space(embodiment: Embodiment, joint_ranges: np.ndarray) -> CommandSpace:
    """What a one-armed embodiment commands; joint_ranges: ``[joints, 2]``, rad."""
    if embodiment.pose_blocks:
        return PoseCommands(embodiment.pose_blocks[0].name)
    return JointCommands(joint_ranges[:, 0], joint_ranges[:, 1])


def _gripper_box() -> spaces.Box:
    return spaces.Box(0.0, 1.0, (1,), dtype=np.float64)
