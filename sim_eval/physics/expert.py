"""A scripted expert: phases, each with a goal for the flange and the gripper, one after the other."""

import numpy as np

from cosmos_policy.errors import Failure
from sim_eval.physics.arm import Arm
from sim_eval.physics.environment import PhysicsEnvironment
from sim_eval.physics.kinematics import pose_error
from sim_eval.physics.motion import FlangeMotion
from sim_eval.physics.robot_io import ArmsCommand, RobotCommand
from sim_eval.physics.tasks.base import Phase

_ROTATION_TOLERANCE_RAD = 0.05
_CHANCE_STREAM = 4
"""Tells the expert's random numbers from those of the scene's looks, which have the same seed."""


class ScriptedExpert:
    """Plays a task's phases in a scene, watching it as it goes.

    A phase ends once every arm's flange has come to the phase's goal and all have stayed for the dwell time.

    Args:
        environment: the scene; the expert reads the true object poses from it.
    """

    def __init__(self, environment: PhysicsEnvironment) -> None:
        self._environment = environment
        states = {name: arm.state() for name, arm in environment.arms.items()}
        period_s = environment.control_period_s
        self._motions = {name: FlangeMotion(state.flange_pose, period_s) for name, state in states.items()}
        self._joint_commands = {name: state.joint_positions for name, state in states.items()}
        self._chance = np.random.default_rng([environment.seed, _CHANCE_STREAM])
        self._enter(0)

    @property
    def phase(self) -> Phase | None:
        """The phase being played; None when all are done."""
        phases = self._environment.task.phases
        return phases[self._index] if self._index < len(phases) else None

    def act(self) -> RobotCommand | ArmsCommand:
        """The command for the next control step; once all phases are done, the last one goes on.

        Raises:
            Failure: a phase takes longer than its time limit, or its goal is out of an arm's reach.
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
        arrived = [self._lead(arm, phase) for arm in self._environment.arms.values()]
        if all(arrived):
            self._dwelt_s += self._environment.control_period_s
            if self._dwelt_s > phase.dwell_s:
                self._enter(self._index + 1)
        return self._command(phase.gripper_position)

    def _lead(self, arm: Arm, phase: Phase) -> bool:
        """One arm a step further; whether it has arrived."""
        goal = phase.goal(arm, self._starts[arm.name]).copy()
        goal[:2, 3] += self._missed_by[arm.name]
        flange = self._motions[arm.name].step(goal, phase.limits)
        self._joint_commands[arm.name] = arm.kinematics.joint_positions(flange, self._joint_commands[arm.name])
        error = pose_error(arm.state().flange_pose, goal)
        near = np.linalg.norm(error[:3]) < phase.position_tolerance_m
        return bool(near and np.linalg.norm(error[3:]) < _ROTATION_TOLERANCE_RAD)

    def _command(self, gripper_position: float) -> RobotCommand | ArmsCommand:
        return self._environment.command(
            {name: RobotCommand(joints.copy(), gripper_position) for name, joints in self._joint_commands.items()}
        )

    def _enter(self, index: int) -> None:
        self._index = index
        self._starts = {name: motion.pose.copy() for name, motion in self._motions.items()}
        self._elapsed_s = self._dwelt_s = 0.0
        may_miss = self.phase is not None and self.phase.is_approach
        scatter = self._environment.randomization.approach_m if may_miss else 0.0
        self._missed_by = {name: self._chance_offset(scatter) for name in self._motions}

    def _chance_offset(self, radius: float) -> np.ndarray:
        """Anywhere in a circle, ``[2]``."""
        angle = self._chance.uniform(-np.pi, np.pi)
        return radius * np.sqrt(self._chance.random()) * np.array([np.cos(angle), np.sin(angle)])
