"""Thresholds on the figures of a replay: what makes a run fail in CI."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError

FIGURES = ("mean", "median", "p90")
OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}
FORM = "[call.]metric.figure > number, such as end_effector_position_mm.p90 > 30"
_LINE = re.compile(
    r"^(?:(?P<call>[a-z-]+)\.)?(?P<metric>[A-Za-z0-9_]+)\.(?P<figure>[a-z0-9]+)\s*(?P<compare>[<>]=?)\s*(?P<limit>\S+)$"
)


@dataclass(frozen=True)
class Threshold:
    """One condition under which a run fails. call: None means every call that has the metric."""

    text: str
    call: str | None
    metric: str
    figure: str
    compare: str
    limit: float

    @classmethod
    def parse(cls, text: str) -> Threshold:
        """Reads ``"policy.end_effector_position_mm.p90 > 30"``; a ``UsageError`` says what it must look like."""
        match = _LINE.match(text.strip())
        if match is None:
            raise UsageError(f"--fail-if {text!r} is no condition; expected {FORM}.")
        if match["figure"] not in FIGURES:
            raise UsageError(f"--fail-if {text!r}: {match['figure']!r} is no figure; choose {', '.join(FIGURES)}.")
        try:
            limit = float(match["limit"])
        except ValueError:
            raise UsageError(f"--fail-if {text!r}: {match['limit']!r} is no number; expected {FORM}.") from None
        return cls(text.strip(), match["call"], match["metric"], match["figure"], match["compare"], limit)

    def values(self, summary: Mapping[str, Any]) -> dict[str, float]:
        """call -> the prediction's figure in ``summary.json``; a ``UsageError`` where no call has it."""
        found = {
            name: call["metrics"][self.metric]["sources"]["prediction"][self.figure]
            for name, call in summary["calls"].items()
            if self.metric in call.get("metrics", {}) and self.call in (None, name)
        }
        if not found:
            known = {name: list(call.get("metrics", {})) for name, call in summary["calls"].items()}
            there = "; ".join(f"{name}: {', '.join(metrics)}" for name, metrics in known.items() if metrics)
            raise UsageError(f"--fail-if {self.text!r} names no figure of this run, which has {there}.")
        return found


def read_thresholds(given: Iterable[str]) -> tuple[Threshold, ...]:
    """Conditions, and the names of files that hold one a line (``#`` begins a comment)."""
    lines: list[str] = []
    for text in given:
        path = Path(text)
        if _LINE.match(text.strip()) is None and path.is_file():
            kept = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
            lines += [line for line in kept if line]
        else:
            lines.append(text)
    return tuple(Threshold.parse(line) for line in lines)


def breaches(thresholds: Iterable[Threshold], summary: Mapping[str, Any]) -> list[str]:
    """One sentence for each condition that holds."""
    return [
        f"{name}: {threshold.metric}.{threshold.figure} is {value:g} ({threshold.compare} {threshold.limit:g})"
        for threshold in thresholds
        for name, value in threshold.values(summary).items()
        if OPERATORS[threshold.compare](value, threshold.limit)
    ]
