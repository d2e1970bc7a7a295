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
from sim_eval.physics.quantities import of_arm
from sim_eval.physics.robot_io import ArmsCommand, RobotCommand

if TYPE_CHECKING:
    from sim_eval.physics.arm import Arm
    from sim_eval.physics.environment import PhysicsEnvironment

    Commanded = Arm | PhysicsEnvironment
    """Whoever has kinematics and a command in force: an arm, or a robot of one arm."""

_REACH_M = 1.5
"""Box of positions around the base that commands may name; neither arm here reaches further."""


class CommandSpace(ABC):
    """What one control step of an embodiment's commands holds."""

    space: spaces.Dict

    @abstractmethod
    def to_robot(
        self, command: Mapping[str, np.ndarray], environment: PhysicsEnvironment
    ) -> RobotCommand | ArmsCommand:
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
    """``joint_position`` (rad) and ``gripper_position`` (0 open, 1 closed), absolute, of one arm."""

    def __init__(self, arm: Arm) -> None:
        self._joints, self._gripper = of_arm(arm.name, "joint_position"), of_arm(arm.name, "gripper_position")
        low, high = arm.kinematics.joint_ranges.T
        self.space = spaces.Dict({self._joints: spaces.Box(low, high, dtype=np.float64), self._gripper: _gripper_box()})

    def to_robot(self, command: Mapping[str, np.ndarray], environment: Commanded) -> RobotCommand:
        values = self.check(command)
        box = self.space[self._joints]
        joints = np.clip(values[self._joints], box.low, box.high)  # the arm's own stops
        return RobotCommand(joints, float(values[self._gripper][0]))

    def hold(self, environment: Commanded) -> dict[str, np.ndarray]:
        command = environment.command_in_force
        return {self._joints: command.joint_positions, self._gripper: np.array([command.gripper_position])}


class PoseCommands(CommandSpace):
    """``<block>_position`` (m), ``<block>_quaternion_xyzw`` and ``gripper_position`` of one arm: where its flange shall
    be when the step ends, in its base frame. Differential inverse kinematics, from the command in force, makes joint
    positions of it."""

    def __init__(self, block: str, arm: Arm) -> None:
        self._position, self._quaternion = f"{block}_position", f"{block}_quaternion_xyzw"
        self._gripper = of_arm(arm.name, "gripper_position")
        self.space = spaces.Dict(
            {
                self._position: spaces.Box(-_REACH_M, _REACH_M, (3,), dtype=np.float64),
                self._quaternion: spaces.Box(-1.0, 1.0, (4,), dtype=np.float64),
                self._gripper: _gripper_box(),
            }
        )

    def check(self, command: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        values = super().check(command)
        if np.linalg.norm(values[self._quaternion]) < 1e-6:
            raise UsageError(f"{self._quaternion!r} of the action is zero, which is no rotation")
        return values

    def to_robot(self, command: Mapping[str, np.ndarray], environment: Commanded) -> RobotCommand:
        values = self.check(command)
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_quat(values[self._quaternion]).as_matrix()
        pose[:3, 3] = values[self._position]
        start = environment.command_in_force.joint_positions
        joints = environment.kinematics.nearest_joint_positions(pose, start)
        return RobotCommand(joints, float(values[self._gripper][0]))

    def hold(self, environment: Commanded) -> dict[str, np.ndarray]:
        command = environment.command_in_force
        pose = environment.kinematics.flange_pose(command.joint_positions)
        return {
            self._position: pose[:3, 3],
            self._quaternion: Rotation.from_matrix(pose[:3, :3]).as_quat(),
            self._gripper: np.array([command.gripper_position]),
        }


class ArmsCommands(CommandSpace):
    """The commands of every arm, side by side."""

    def __init__(self, arms: Mapping[str, CommandSpace]) -> None:
        self._arms = dict(arms)
        self.space = spaces.Dict({name: box for one in self._arms.values() for name, box in one.space.spaces.items()})

    def check(self, command: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        return {name: value for one in self._arms.values() for name, value in one.check(command).items()}

    def to_robot(self, command: Mapping[str, np.ndarray], environment: PhysicsEnvironment) -> ArmsCommand:
        return ArmsCommand({name: one.to_robot(command, environment.arms[name]) for name, one in self._arms.items()})

    def hold(self, environment: PhysicsEnvironment) -> dict[str, np.ndarray]:
        return {
            key: value for name, one in self._arms.items() for key, value in one.hold(environment.arms[name]).items()
        }


KINDS = ("cartesian", "joint")
"""What a robot can be told: where its flanges shall be, or where its joints shall be."""


def command_space(embodiment: Embodiment, environment: PhysicsEnvironment, kind: str | None = None) -> CommandSpace:
    """What an embodiment commands, or the same robot by the other kind of commands.

    kind: one of :data:`KINDS`; None takes the embodiment's own.
    """
    if kind not in (None, *KINDS):
        raise UsageError(f"commands {kind!r} is not one of {', '.join(KINDS)}; leave it out for the embodiment's own")
    blocks = {of_arm(arm, "end_effector"): arm for arm in environment.arms}
    if (kind or ("cartesian" if embodiment.pose_blocks else "joint")) == "joint":
        each = {name: JointCommands(arm) for name, arm in environment.arms.items()}
    else:
        each = {name: PoseCommands(block, environment.arms[name]) for block, name in blocks.items()}
    return ArmsCommands(each) if len(each) > 1 else next(iter(each.values()))


def _gripper_box() -> spaces.Box:
    return spaces.Box(0.0, 1.0, (1,), dtype=np.float64)
