"""Scripted experts: phases, each with a goal for the flange and the gripper, one after the other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from cosmos_policy.errors import Failure
from sim_eval.physics.kinematics import pose_error
from sim_eval.physics.motion import FlangeMotion
from sim_eval.physics.robot_io import ArmsCommand, RobotCommand
from sim_eval.physics.tasks.base import Phase

if TYPE_CHECKING:
    from sim_eval.physics.arm import Arm
    from sim_eval.physics.environment import PhysicsEnvironment
    from sim_eval.physics.scene_environment import SceneEnvironment

_ROTATION_TOLERANCE_RAD = 0.05
_CHANCE_STREAM = 4
"""Tells the expert's random numbers from those of the scene's looks, which have the same seed."""


class Expert(ABC):
    """Plays a task's phases in a scene, watching it as it goes.

    A phase ends once all that it leads has come to the phase's goal and has stayed for the dwell time.

    Args:
        environment: the scene; the expert reads the true object poses from it.
    """

    def __init__(self, environment: SceneEnvironment) -> None:
        self._environment = environment
        self._chance = np.random.default_rng([environment.seed, _CHANCE_STREAM])
        self._enter(0)

    @property
    def phase(self) -> Phase | None:
        """The phase being played; None when all are done."""
        phases = self._environment.task.phases
        return phases[self._index] if self._index < len(phases) else None

    def act(self) -> Any:
        """The command for the next control step; once all phases are done, the last one goes on.

        Raises:
            Failure: a phase takes longer than its time limit, or its goal is out of reach.
        """
        phase = self.phase
        if phase is None:
            return self._command(self._environment.task.phases[-1].gripper_position)
        self._elapsed_s += self._environment.control_period_s
        if self._elapsed_s > phase.time_limit_s:
            raise Failure(
                f"the expert for {self._environment.task.name!r} did not end its phase {phase.name!r} in "
                f"{phase.time_limit_s:g} s"
            )
        if self._lead(phase):
            self._dwelt_s += self._environment.control_period_s
            if self._dwelt_s > phase.dwell_s:
                self._enter(self._index + 1)
        return self._command(phase.gripper_position)

    @abstractmethod
    def _begin(self, scatter_m: float) -> None:
        """A phase begins; its goal may be missed by up to so much."""

    @abstractmethod
    def _lead(self, phase: Phase) -> bool:
        """A step towards the goal; whether all has arrived."""

    @abstractmethod
    def _command(self, gripper_position: float) -> Any:
        """The command of where all is led to now."""

    def _enter(self, index: int) -> None:
        self._index = index
        self._elapsed_s = self._dwelt_s = 0.0
        may_miss = self.phase is not None and self.phase.is_approach
        self._begin(self._environment.randomization.approach_m if may_miss else 0.0)

    def _offset(self, radius: float) -> np.ndarray:
        """Anywhere in a circle, ``[2]``."""
        angle = self._chance.uniform(-np.pi, np.pi)
        return radius * np.sqrt(self._chance.random()) * np.array([np.cos(angle), np.sin(angle)])


def arrived(pose: np.ndarray, goal: np.ndarray, phase: Phase) -> bool:
    """Whether a pose is as near to the goal as the phase wants."""
    error = pose_error(pose, goal)
    near = np.linalg.norm(error[:3]) < phase.position_tolerance_m
    return bool(near and np.linalg.norm(error[3:]) < _ROTATION_TOLERANCE_RAD)


class ScriptedExpert(Expert):
    """Leads the flange of every arm, each towards what the goal says for it."""

    def __init__(self, environment: PhysicsEnvironment) -> None:
        self._arms = environment.arms
        states = {name: arm.state() for name, arm in self._arms.items()}
        period_s = environment.control_period_s
        self._motions = {name: FlangeMotion(state.flange_pose, period_s) for name, state in states.items()}
        self._joint_commands = {name: state.joint_positions for name, state in states.items()}
        super().__init__(environment)

    def _begin(self, scatter_m: float) -> None:
        self._starts = {name: motion.pose.copy() for name, motion in self._motions.items()}
        self._missed_by = {name: self._offset(scatter_m) for name in self._motions}

    def _lead(self, phase: Phase) -> bool:
        there = [self._lead_arm(arm, phase) for arm in self._arms.values()]
        return all(there)

    def _lead_arm(self, arm: Arm, phase: Phase) -> bool:
        goal = phase.goal(arm, self._starts[arm.name]).copy()
        goal[:2, 3] += self._missed_by[arm.name]
        flange = self._motions[arm.name].step(goal, phase.limits)
        self._joint_commands[arm.name] = arm.kinematics.joint_positions(flange, self._joint_commands[arm.name])
        return arrived(arm.state().flange_pose, goal, phase)

    def _command(self, gripper_position: float) -> RobotCommand | ArmsCommand:
        return self._environment.command(
            {name: RobotCommand(joints.copy(), gripper_position) for name, joints in self._joint_commands.items()}
        )
