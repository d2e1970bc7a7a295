"""The end of an episode's time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.base import Reward, Transition, Verdict

#: Times are sums of control steps; a thousandth of the shortest step is no time.
TOLERANCE_S = 1e-6


class TimeLimit(Reward):
    """Truncates once `limit_s` seconds of imagined time are over; gives no reward."""

    name = "time_limit"
    looks = False

    def __init__(self, limit_s: float) -> None:
        if not limit_s > 0:
            raise UsageError(f"limit_s is {limit_s}; expected seconds above 0.")
        self.limit_s = float(limit_s)

    def judge(self, transitions: Sequence[Transition], goals: Sequence[Any], model: WorldActionModel) -> list[Verdict]:
        return [Verdict(truncated=transition.time_s >= self.limit_s - TOLERANCE_S) for transition in transitions]
