"""From what a user writes to rewards. Other packages add theirs by the entry-point group ``cosmos_policy.rewards``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from typing import Any

from cosmos_policy.errors import UsageError
from sim_eval.rewards.base import Reward

GROUP = "cosmos_policy.rewards"


def names() -> tuple[str, ...]:
    """The rewards that are installed."""
    return tuple(sorted(point.name for point in entry_points(group=GROUP)))


def make_reward(wanted: Any) -> Reward:
    """A reward from itself, its name ("goal_image"), ``{name: {argument: value}}``, or a function.

    A function takes a :class:`~sim_eval.rewards.base.Transition` and gives a number or a
    :class:`~sim_eval.rewards.base.Verdict`. Raises ``UsageError`` for anything else.
    """
    from sim_eval.rewards.user_function import UserFunction

    if isinstance(wanted, Reward):
        return wanted
    if isinstance(wanted, str):
        wanted = {wanted: {}}
    if isinstance(wanted, Mapping) and len(wanted) == 1:
        ((name, arguments),) = wanted.items()
        for point in entry_points(group=GROUP, name=name):
            kind = point.load()
            try:
                return kind(**arguments)
            except TypeError as error:
                raise UsageError(f"The reward {name!r} cannot be made of {dict(arguments)!r}: {error}.") from None
        raise UsageError(f"There is no reward {name!r}; there are {', '.join(names())}, and functions of your own.")
    if callable(wanted):
        return UserFunction(wanted)
    raise UsageError(
        f"{wanted!r} is no reward; expected a name ({', '.join(names())}), {{name: {{argument: value}}}}, a Reward, "
        "or a function of a transition."
    )


def make_rewards(wanted: Sequence[Any]) -> tuple[Reward, ...]:
    """Rewards in order; two of one name are a ``UsageError``, for their infos would be one."""
    if isinstance(wanted, (str, Mapping)) or callable(wanted):
        wanted = (wanted,)
    made = tuple(make_reward(one) for one in wanted)
    called = [reward.name for reward in made]
    twice = next((name for name in called if called.count(name) > 1), None)
    if twice:
        raise UsageError(f"Two rewards are called {twice!r}: give one of them another name (name=...).")
    return made
