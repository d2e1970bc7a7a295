"""A function of the user's as a reward."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from numbers import Real
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.base import Reward, Transition, Verdict


class UserFunction(Reward):
    """function: from a transition to a number (the reward) or a :class:`Verdict`. name: its own where None is given."""

    def __init__(self, function: Callable[[Transition], float | Verdict], name: str | None = None) -> None:
        self._function = function
        self.name = name or getattr(function, "__name__", "user_function")

    def judge(self, transitions: Sequence[Transition], goals: Sequence[Any], model: WorldActionModel) -> list[Verdict]:
        return [self._verdict(self._function(transition)) for transition in transitions]

    def _verdict(self, said: Any) -> Verdict:
        if isinstance(said, Verdict):
            return said
        if not isinstance(said, Real):
            raise UsageError(
                f"The reward function {self.name!r} gave a {type(said).__name__}; expected a number or a Verdict."
            )
        return Verdict(float(said))
