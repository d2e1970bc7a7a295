"""One arm of a scene: what it measures, where things are as it sees them, and its kinematics."""

from __future__ import annotations

import mujoco
import numpy as np
from robosuite.robots import FixedBaseRobot

from cosmos_policy.errors import UsageError
from sim_eval.physics.kinematics import ArmKinematics, body_pose
from sim_eval.physics.robot_io import RobotCommand, RobotState
from sim_eval.physics.robots.base import RobotSetup
from sim_eval.physics.tasks.base import Task


class Arm:
    """An arm in a running scene; all poses are in the frame of its own base.

    ``name``: "" for the only one, else "left" or "right". ``joint_names``: base to flange, without robosuite's prefix.
    ``command_in_force``: the last command; before the first one, to stay where the arm began with the gripper open.
    """

    def __init__(
        self,
        name: str,
        robot: RobotSetup,
        mounted: FixedBaseRobot,
        number: int,
        model: mujoco.MjModel,
        data: mujoco.MjData,
        task: Task,
    ) -> None:
        prefix, gripper_prefix = f"robot{number}_", f"gripper{number}_right_"
        self.name, self._model, self._data, self._task = name, model, data, task
        self._stroke = robot.gripper_stroke
        base, flange = prefix + robot.base_body, prefix + robot.flange_body
        self._base, self._flange = model.body(base).id, model.body(flange).id
        self._joints = np.array([model.joint(joint).qposadr[0] for joint in mounted.robot_joints])
        self._gripper = model.joint(gripper_prefix + robot.gripper_joint).qposadr[0]
        self._grip_site = model.site(gripper_prefix + "grip_site").id
        self.joint_names = tuple(joint.removeprefix(prefix) for joint in mounted.robot_joints)
        self.kinematics = ArmKinematics(model, mounted.robot_joints, base, flange, rest=mounted.init_qpos)
        self.command_in_force = RobotCommand(self.state().joint_positions, 0.0)
        self._start = {named: self.object_pose(named) for named in task.objects}

    def state(self) -> RobotState:
        """What the arm measures now."""
        return RobotState(
            joint_positions=self._data.qpos[self._joints].copy(),
            flange_pose=body_pose(self._data, self._base, self._flange),
            gripper_position=float(self._data.qpos[self._gripper] / self._stroke),
        )

    def object_pose(self, name: str) -> np.ndarray:
        """Pose ``[4, 4]`` (m) of one of the task's objects.

        Raises:
            UsageError: the task has no object of that name.
        """
        objects = self._task.objects
        if name not in objects:
            raise UsageError(f"{self._task.name} has no object {name!r}; it has {', '.join(objects)}")
        return body_pose(self._data, self._base, self._model.body(objects[name]).id)

    def start_pose(self, name: str) -> np.ndarray:
        """Where one of the task's objects lay when the scene began, as :meth:`object_pose`."""
        return self._start[name]

    def grip_point(self) -> np.ndarray:
        """The point between the fingertips, ``[3]`` m."""
        flange = self.state().flange_pose
        return flange[:3, 3] + flange[:3, 2] * self.grip_offset()

    def grip_offset(self) -> float:
        """Distance (m) from the flange, along its z, to the point between the fingertips."""
        to_flange = self._data.xmat[self._flange].reshape(3, 3).T
        return float((to_flange @ (self._data.site_xpos[self._grip_site] - self._data.xpos[self._flange]))[2])

    def checked(self, command: RobotCommand) -> RobotCommand:
        """The command as numbers of its own.

        Raises:
            UsageError: a command of the wrong width, or one that is not finite.
        """
        values = np.append(np.asarray(command.joint_positions, dtype=float), command.gripper_position)
        if values.shape != (len(self._joints) + 1,) or not np.isfinite(values).all():
            raise UsageError(
                f"a command for {f'the {self.name} arm' if self.name else 'the arm'} is {len(self._joints)} finite "
                f"joint positions (rad) and a gripper position, not {values.tolist()}"
            )
        return RobotCommand(values[:-1].copy(), float(values[-1]))
