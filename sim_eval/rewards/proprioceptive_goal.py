"""The robot where it should be: poses, joints or grippers near given values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import rotations
from sim_eval.metrics.rotations import geodesic_degrees
from sim_eval.rewards.base import Reward, Setting, Transition, Verdict

QUATERNION = "quaternion_xyzw"


class ProprioceptiveGoal(Reward):
    """Terminates, with reward 1, when every quantity of the goal is within its tolerance; else the reward is 0.

    goal: quantity -> value, under the names of the embodiment's commands (``end_effector_position`` in m,
    ``end_effector_quaternion_xyzw``, ``gripper_position`` in the robot's unit, ``joint_position`` in rad); the option
    ``goal_state`` of a ``reset`` takes its place. tolerance: quantity -> largest distance: Euclidean, in the quantity's
    own unit; of quaternions the geodesic angle in degrees. Nothing has a tolerance that nobody gave.
    """

    name = "proprioceptive_goal"
    options = ("goal_state",)
    looks = False

    def __init__(self, goal: Mapping[str, Any] | None = None, tolerance: Mapping[str, float] | None = None) -> None:
        self._goal, self._tolerance = goal, dict(tolerance or {})
        for name, most in self._tolerance.items():
            if not most > 0:
                raise UsageError(f"The tolerance of {name!r} is {most}; expected a number above 0.")

    def prepare(self, options: Mapping[str, Any], setting: Setting) -> dict[str, np.ndarray]:
        goal = options.get("goal_state", self._goal)
        if not goal:
            raise UsageError(
                "proprioceptive_goal has no goal: make it with goal={name: value}, or give the reset "
                "options['goal_state']."
            )
        without = [name for name in goal if name not in self._tolerance]
        if without:
            raise UsageError(
                f"proprioceptive_goal has no tolerance for {without[0]!r}: give tolerance={{name: distance}}."
            )
        return {name: np.asarray(value, dtype=np.float64) for name, value in goal.items()}

    def judge(self, transitions: Sequence[Transition], goals: Sequence[Any], model: WorldActionModel) -> list[Verdict]:
        return [self._verdict(transition, goal) for transition, goal in zip(transitions, goals, strict=True)]

    def _verdict(self, transition: Transition, goal: Mapping[str, np.ndarray]) -> Verdict:
        distances = {name: _distance(name, value, transition.after) for name, value in goal.items()}
        reached = all(distance <= self._tolerance[name] for name, distance in distances.items())
        return Verdict(
            float(reached),
            reached,
            success=reached,
            info={f"{name}_distance": value for name, value in distances.items()},
        )


def _distance(name: str, wanted: np.ndarray, state: Mapping[str, np.ndarray]) -> float:
    if name not in state or np.shape(state[name]) != wanted.shape:
        there = ", ".join(f"{key} {list(np.shape(value))}" for key, value in state.items())
        raise UsageError(
            f"The goal {name!r} of shape {list(wanted.shape)} fits nothing of this robot, which has {there}."
        )
    if name.endswith(QUATERNION):
        turned = rotations.to_matrix(np.stack([wanted, state[name]]), QUATERNION)
        return float(geodesic_degrees(turned[0], turned[1]))
    return float(np.linalg.norm(state[name] - wanted))
