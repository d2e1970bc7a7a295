"""A scripted expert for a humanoid: it leads the right wrist, and keeps the left one and the head where they were."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from sim_eval.physics.expert import Expert, arrived
from sim_eval.physics.motion import FlangeMotion
from sim_eval.physics.robot_io import HumanoidCommand
from sim_eval.physics.tasks.base import Phase

if TYPE_CHECKING:
    from sim_eval.physics.humanoid import HumanoidEnvironment


class HumanoidExpert(Expert):
    """Goals are poses of the right wrist; a phase's gripper position closes all fingers of the right hand."""

    def __init__(self, environment: HumanoidEnvironment) -> None:
        state = environment.state()
        self._kept = {"camera": state.camera_pose, "left": state.wrist_poses["left"]}
        self._motion = FlangeMotion(state.wrist_poses["right"], environment.control_period_s)
        self._joints = environment.joint_positions
        super().__init__(environment)

    def _begin(self, scatter_m: float) -> None:
        self._start = self._motion.pose.copy()
        self._missed_by = self._offset(scatter_m)

    def _lead(self, phase: Phase) -> bool:
        environment: HumanoidEnvironment = self._environment
        goal = phase.goal(environment, self._start).copy()
        goal[:2, 3] += self._missed_by
        poses = {**self._kept, "right": self._motion.step(goal, phase.limits)}
        self._joints = environment.kinematics.nearest_joint_positions(poses, self._joints)
        return arrived(environment.state().wrist_poses["right"], goal, phase)

    def _command(self, gripper_position: float) -> HumanoidCommand:
        fingers = {side: np.zeros(hand.motors) for side, hand in self._environment.hands.items()}
        fingers["right"][:5] = gripper_position
        return HumanoidCommand(self._joints.copy(), fingers)
