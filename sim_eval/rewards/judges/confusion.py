"""How often a judge is right, where the end is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rewards.judges.base import Judge
from sim_eval.rewards.judges.labelled import LabelledClip

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Confusion:
    """Counts of labelled roll-outs: what the judge said, and whether it was true."""

    true_yes: int
    false_yes: int
    true_no: int
    false_no: int

    @property
    def total(self) -> int:
        return self.true_yes + self.false_yes + self.true_no + self.false_no

    @property
    def right(self) -> int:
        return self.true_yes + self.true_no

    @property
    def accuracy(self) -> float:
        return self.right / self.total

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's score interval of the accuracy, 95 %."""
        from scipy.stats import binomtest

        found = binomtest(self.right, self.total).proportion_ci(CONFIDENCE, method="wilson")
        return float(found.low), float(found.high)

    def describe(self) -> str:
        """One sentence."""
        low, high = (100 * bound for bound in self.interval)
        return (
            f"right on {self.right} of {self.total} labelled roll-outs ({100 * self.accuracy:.0f} %, {low:.0f} to "
            f"{high:.0f} %): {self.true_yes} true and {self.false_yes} false yes, {self.true_no} true and "
            f"{self.false_no} false no"
        )

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "accuracy": self.accuracy, "accuracy_interval": list(self.interval)}

    @classmethod
    def from_json(cls, facts: Mapping[str, Any]) -> Confusion:
        return cls(**{name: int(facts[name]) for name in cls.__dataclass_fields__})


def check_threshold(threshold: float) -> float:
    """The probability itself; a ``UsageError`` where it is none strictly between 0 and 1."""
    if not 0 < threshold < 1:
        raise UsageError(f"threshold is {threshold}; expected a probability between 0 and 1.")
    return threshold


def measure(
    judge: Judge, labelled: Sequence[LabelledClip], model: WorldActionModel, threshold: float = 0.5
) -> tuple[Confusion, list[float]]:
    """(confusion, probabilities) of a judge that says yes from `threshold` on, over roll-outs whose end is known."""
    if not labelled:
        raise UsageError("There are no labelled roll-outs to measure a judge on: film some with cosmos-policy rollout.")
    check_threshold(threshold)
    chances = judge.probabilities([one.clip for one in labelled], model)
    said = [chance >= threshold for chance in chances]
    pairs = [(yes, one.success) for yes, one in zip(said, labelled, strict=True)]
    return (
        Confusion(
            true_yes=pairs.count((True, True)),
            false_yes=pairs.count((True, False)),
            true_no=pairs.count((False, False)),
            false_no=pairs.count((False, True)),
        ),
        chances,
    )
