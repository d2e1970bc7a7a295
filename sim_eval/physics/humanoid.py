"""A scene of a humanoid: what its head sees, where its wrists and fingertips are, joints and fingers as commands."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from sim_eval.physics.humanoid_commands import HumanoidJointCommands, TrackedPoseCommands
from sim_eval.physics.humanoid_expert import HumanoidExpert
from sim_eval.physics.humanoid_hand import Hand, world_pose
from sim_eval.physics.humanoid_kinematics import HumanoidKinematics
from sim_eval.physics.kinematics import body_pose
from sim_eval.physics.quantities import hand_columns
from sim_eval.physics.robot_io import HumanoidCommand, HumanoidState
from sim_eval.physics.robots._humanoid import HumanoidSetup
from sim_eval.physics.scene import ROBOT_PREFIX
from sim_eval.physics.scene_environment import SceneEnvironment
from sim_eval.physics.tasks.base import Task

_ACTION_ORDER = np.r_[6:13, 13:20, 3:6, 0:3]
"""robosuite takes right arm, left arm, head, waist; its joints stand waist, head, right arm, left arm."""


class HumanoidEnvironment(SceneEnvironment):
    """A scene of a humanoid on fixed legs; poses are in the frame of its base.

    ``hands``: "right" and "left". ``kinematics``: of waist, head and both arms together.
    """

    robot: HumanoidSetup

    def __init__(self, task: Task, robot: HumanoidSetup, **options: Any) -> None:
        super().__init__(task, robot, **options)
        body = self._scene.robots[0]
        base, head = ROBOT_PREFIX + "base", ROBOT_PREFIX + robot.head_body
        self._base = self._model.body(base).id
        self._joints = np.array([self._model.joint(joint).qposadr[0] for joint in body.robot_joints])
        self.joint_names = tuple(joint.removeprefix(ROBOT_PREFIX) for joint in body.robot_joints)
        self.hands = {side: Hand(hand, f"gripper0_{side}_", self._model) for side, hand in robot.hands.items()}
        palms = {side: self._model.body(hand.palm).name for side, hand in self.hands.items()}
        frames = {side: hand.wrist_in_palm for side, hand in self.hands.items()}
        self._camera_in_head = _camera_frame(self._model, robot.cameras[0].view)
        self._head = self._model.body(head).id
        self.kinematics = HumanoidKinematics(
            self._model,
            body.robot_joints,
            base,
            {"camera": head, **palms},
            {"camera": self._camera_in_head, **frames},
            rest=body.init_qpos,
        )
        open_hands = {side: np.zeros(hand.motors) for side, hand in self.hands.items()}
        self._command = HumanoidCommand(self._data.qpos[self._joints].copy(), open_hands)
        self._start = {name: self.object_pose(name) for name in task.objects}

    def state(self) -> HumanoidState:
        base = world_pose(self._data, self._base)
        return HumanoidState(
            camera_pose=body_pose(self._data, self._base, self._head) @ self._camera_in_head,
            wrist_poses={side: hand.wrist_pose(self._data, base) for side, hand in self.hands.items()},
            hand_points={side: hand.points(self._data, base) for side, hand in self.hands.items()},
        )

    @property
    def joint_positions(self) -> np.ndarray:
        """``[20]`` rad, measured, in the order of ``joint_names``."""
        return self._data.qpos[self._joints].copy()

    @property
    def command_in_force(self) -> HumanoidCommand:
        return self._command

    def step(self, command: HumanoidCommand) -> None:
        joints = np.asarray(command.joint_positions, dtype=float)
        fingers = {side: np.asarray(command.finger_positions[side], dtype=float) for side in self.hands}
        shapes_fit = joints.shape == self._joints.shape and all(
            fingers[side].shape == (hand.motors,) for side, hand in self.hands.items()
        )
        if not (shapes_fit and np.isfinite(joints).all() and all(np.isfinite(one).all() for one in fingers.values())):
            raise UsageError(
                f"a command for {self.robot.name} is {len(self._joints)} finite joint positions (rad) and "
                f"{self.hands['right'].motors} finite finger positions for each hand"
            )
        fingers = {side: np.clip(one, 0.0, 1.0) for side, one in fingers.items()}
        self._command = HumanoidCommand(joints.copy(), fingers)
        motors = [2.0 * fingers[side] - 1.0 for side in ("right", "left")]  # robosuite's -1 is open, 1 closed
        self._drive(np.concatenate([joints[_ACTION_ORDER], *motors]))

    def object_pose(self, name: str) -> np.ndarray:
        if name not in self.task.objects:
            raise UsageError(f"{self.task.name} has no object {name!r}; it has {', '.join(self.task.objects)}")
        return body_pose(self._data, self._base, self._model.body(self.task.objects[name]).id)

    def start_pose(self, name: str) -> np.ndarray:
        """Where one of the task's objects lay when the scene began, as :meth:`object_pose`."""
        return self._start[name]

    def expert(self) -> HumanoidExpert:
        return HumanoidExpert(self)

    def command_space(self, embodiment: Embodiment, kind: str | None) -> TrackedPoseCommands | HumanoidJointCommands:
        kinds = {None: TrackedPoseCommands, "cartesian": TrackedPoseCommands, "joint": HumanoidJointCommands}
        if kind not in kinds:
            raise UsageError(f"commands {kind!r} is not one of cartesian, joint; leave it out for the embodiment's own")
        return kinds[kind](embodiment, self)

    @property
    def column_names(self) -> dict[str, list[str]]:
        return hand_columns()

    def _forget(self) -> None:
        del self.kinematics, self.hands


def _camera_frame(model: mujoco.MjModel, view: str) -> np.ndarray:
    """A camera in its body's frame, ``[4, 4]``: x right, y down, z forward (MuJoCo looks along -z, y up)."""
    camera = model.camera(view)
    frame, turn = np.eye(4), np.zeros(9)
    mujoco.mju_quat2Mat(turn, camera.quat)
    frame[:3, :3], frame[:3, 3] = turn.reshape(3, 3) @ np.diag([1.0, -1.0, -1.0]), camera.pos
    return frame
