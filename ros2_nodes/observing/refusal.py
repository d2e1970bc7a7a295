"""What is said instead of an observation."""

from __future__ import annotations

from dataclasses import dataclass

from ros2_nodes.reasons import Cause, Reason


@dataclass(frozen=True)
class Refusal:
    """No observation at this tick, and everything that spoke against it."""

    causes: tuple[Cause, ...]


class SampleRefused(ValueError):
    """One sample cannot be used."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.cause = Cause(reason, detail)
