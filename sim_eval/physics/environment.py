"""A scene of a robot with one arm or several, driven by absolute joint commands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from sim_eval.physics.arm import Arm
from sim_eval.physics.command_spaces import CommandSpace, command_space
from sim_eval.physics.expert import ScriptedExpert
from sim_eval.physics.kinematics import ArmKinematics
from sim_eval.physics.quantities import arm_columns
from sim_eval.physics.robot_io import ArmsCommand, ArmsState, RobotCommand, RobotState
from sim_eval.physics.robots.base import RobotSetup
from sim_eval.physics.scene_environment import SceneEnvironment
from sim_eval.physics.tasks.base import Task


class PhysicsEnvironment(SceneEnvironment):
    """A scene seen and driven as the real robot is: named pictures, base-frame poses, absolute joint commands.

    ``arms``: by name; the only one has the name "".
    """

    robot: RobotSetup

    def __init__(self, task: Task, robot: RobotSetup, **options: Any) -> None:
        super().__init__(task, robot, **options)
        self.arms = {
            name: Arm(name, robot, self._scene.robots[number], number, self._model, self._data, task)
            for name, number in robot.arms.items()
        }

    @property
    def arm(self) -> Arm:
        """The robot's only arm.

        Raises:
            UsageError: the robot has several.
        """
        if len(self.arms) > 1:
            raise UsageError(
                f"{self.robot.name} has several arms: ask for arms[name], name one of {', '.join(self.arms)}"
            )
        return next(iter(self.arms.values()))

    @property
    def joint_names(self) -> tuple[str, ...]:
        """The joints of the only arm, base to flange."""
        return self.arm.joint_names

    @property
    def kinematics(self) -> ArmKinematics:
        """Of the only arm."""
        return self.arm.kinematics

    def state(self) -> RobotState | ArmsState:
        """What the robot measures now: of one arm its state, of several all by name."""
        return self._one_or_all(ArmsState, {name: arm.state() for name, arm in self.arms.items()})

    @property
    def command_in_force(self) -> RobotCommand | ArmsCommand:
        """The last command; before the first one, to stay where the arms began with the grippers open."""
        return self.command({name: arm.command_in_force for name, arm in self.arms.items()})

    def command(self, arms: Mapping[str, RobotCommand]) -> RobotCommand | ArmsCommand:
        """What :meth:`step` takes, from a command for each arm."""
        return self._one_or_all(ArmsCommand, arms)

    def object_pose(self, name: str) -> np.ndarray:
        """Pose ``[4, 4]`` (m) of one of the task's objects in the robot's base frame (of several arms: the first's).

        Raises:
            UsageError: the task has no object of that name.
        """
        return next(iter(self.arms.values())).object_pose(name)

    def start_pose(self, name: str) -> np.ndarray:
        """Where one of the task's objects lay when the scene began, as :meth:`object_pose`."""
        return next(iter(self.arms.values())).start_pose(name)

    def grip_point(self) -> np.ndarray:
        """The point between the only arm's fingertips, ``[3]`` m, base frame."""
        return self.arm.grip_point()

    def grip_offset(self) -> float:
        """Distance (m) from the only arm's flange, along its z, to the point between the fingertips."""
        return self.arm.grip_offset()

    def step(self, command: RobotCommand | ArmsCommand) -> None:
        """Drives the robot for one control step.

        Raises:
            UsageError: a command for other arms, of the wrong width, or one that is not finite.
        """
        told = command.arms if isinstance(command, ArmsCommand) else {"": command}
        if set(told) != set(self.arms):
            raise UsageError(f"{self.robot.name} takes a command for each of its arms ({', '.join(self.arms)})")
        checked = {name: arm.checked(told[name]) for name, arm in self.arms.items()}
        for name, arm in self.arms.items():
            arm.command_in_force = checked[name]
        in_scene_order = sorted(self.arms, key=self.robot.arms.__getitem__)
        parts = [np.append(checked[name].joint_positions, checked[name].gripper_position) for name in in_scene_order]
        self._drive(np.concatenate(parts))

    def expert(self) -> ScriptedExpert:
        return ScriptedExpert(self)

    def command_space(self, embodiment: Embodiment, kind: str | None) -> CommandSpace:
        return command_space(embodiment, self, kind)

    @property
    def column_names(self) -> dict[str, list[str]]:
        return {name: own for arm in self.arms.values() for name, own in arm_columns(arm.name, arm.joint_names).items()}

    def _forget(self) -> None:
        del self.arms

    def _one_or_all(self, several, by_arm):
        return next(iter(by_arm.values())) if len(self.arms) == 1 else several(by_arm)
