"""A scripted expert: phases, each with a goal for the flange and the gripper, one after the other."""

import numpy as np

from cosmos_policy.errors import Failure
from sim_eval.physics.environment import PhysicsEnvironment, RobotCommand
from sim_eval.physics.kinematics import pose_error
from sim_eval.physics.motion import FlangeMotion
from sim_eval.physics.tasks.base import Phase

_ROTATION_TOLERANCE_RAD = 0.05
_CHANCE_STREAM = 4
"""Tells the expert's random numbers from those of the scene's looks, which have the same seed."""


class ScriptedExpert:
    """Plays a task's phases in a scene, watching it as it goes.

    A phase ends once the flange has come to the phase's goal and has stayed for the dwell time.

    Args:
        environment: the scene; the expert reads the true object poses from it.
    """

    def __init__(self, environment: PhysicsEnvironment) -> None:
        state = environment.state()
        self._environment = environment
        self._motion = FlangeMotion(state.flange_pose, environment.control_period_s)
        self._joint_command = state.joint_positions
        self._chance = np.random.default_rng([environment.seed, _CHANCE_STREAM])
        self._enter(0)

    @property
    def phase(self) -> Phase | None:
        """The phase being played; None when all are done."""
        phases = self._environment.task.phases
        return phases[self._index] if self._index < len(phases) else None

    def act(self) -> RobotCommand:
        """The command for the next control step; once all phases are done, the last one goes on.

        Raises:
            Failure: a phase takes longer than its time limit, or its goal is out of the arm's reach.
        """
        phase = self.phase
        if phase is None:
            return RobotCommand(self._joint_command.copy(), self._environment.task.phases[-1].gripper_position)
        self._elapsed_s += self._environment.control_period_s
        if self._elapsed_s > phase.time_limit_s:
            raise Failure(
                f"the expert for {self._environment.task.name!r} did not end its phase {phase.name!r} in "
                f"{phase.time_limit_s:g} s"
            )
        goal = phase.goal(self._environment, self._start).copy()
        goal[:2, 3] += self._missed_by
        flange = self._motion.step(goal, phase.limits)
        self._joint_command = self._environment.kinematics.joint_positions(flange, self._joint_command)
        if self._arrived(goal, phase):
            self._dwelt_s += self._environment.control_period_s
            if self._dwelt_s > phase.dwell_s:
                self._enter(self._index + 1)
        return RobotCommand(self._joint_command.copy(), phase.gripper_position)

    def _arrived(self, goal: np.ndarray, phase: Phase) -> bool:
        error = pose_error(self._environment.state().flange_pose, goal)
        near = np.linalg.norm(error[:3]) < phase.position_tolerance_m
        return bool(near and np.linalg.norm(error[3:]) < _ROTATION_TOLERANCE_RAD)

    def _enter(self, index: int) -> None:
        self._index = index
        self._start = self._motion.pose.copy()
        self._elapsed_s = self._dwelt_s = 0.0
        may_miss = self.phase is not None and self.phase.is_approach
        scatter = self._environment.randomization.approach_m if may_miss else 0.0
        angle = self._chance.uniform(-np.pi, np.pi)
        self._missed_by = scatter * np.sqrt(self._chance.random()) * np.array([np.cos(angle), np.sin(angle)])
