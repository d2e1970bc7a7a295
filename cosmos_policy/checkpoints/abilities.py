"""What a checkpoint was trained to do, and who else can do what it cannot."""

from __future__ import annotations

from typing import Literal, get_args

from cosmos_policy.checkpoints.registry import ABILITIES, BUILT_IN, Ability, CheckpointCard, cards
from cosmos_policy.errors import UsageError

__all__ = ["ABILITIES", "calls_of", "require_ability"]
PICTURES = tuple(ability for ability in get_args(Ability) if "-to-" in ability or ability == "transfer")
Call = Literal["policy", "inverse_dynamics", "forward_dynamics", "reason", "generate"]


def require_ability(card: CheckpointCard, ability: Ability) -> None:
    """Raise a :class:`UsageError` that names checkpoints which can, where this one was not trained for `ability`."""
    if ability in card.abilities:
        return
    others = [each.name for each in cards().values() if ability in each.abilities and each.name not in BUILT_IN]
    raise UsageError(
        f"{card.name} was not trained for {ability} (it does {', '.join(card.abilities)}); ask {' or '.join(others)}."
    )


def calls_of(card: CheckpointCard) -> tuple[Call, ...]:
    """The calls that this checkpoint answers."""
    found: list[Call] = []
    if "actions" in card.abilities:
        found += ["policy", "inverse_dynamics", "forward_dynamics"]
    if "reason" in card.abilities:
        found.append("reason")
    if any(ability in card.abilities for ability in PICTURES):
        found.append("generate")
    return tuple(found)
