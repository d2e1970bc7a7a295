"""How another engine is reached, and what its caller says of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cosmos_policy.client.connection import Patience


@dataclass(frozen=True)
class EngineOptions:
    """address: "http://host:port" or https. api_key: where the server wants one. patience: seconds to wait.
    deadline_ms: within which an answer is of use, from the call on; None: `patience` decides. certificate_file: the
    authority to trust. embodiment: the robot that will ask, or None. like: the known checkpoint whose prompt, sampling
    and normalisers the served one was trained with, where its name does not tell."""

    address: str
    api_key: str | None
    patience: Patience
    deadline_ms: float | None
    certificate_file: str | None
    embodiment: Any
    like: str | None

    @property
    def budget_s(self) -> float:
        """Seconds that one answer may take."""
        longest_s = self.patience.answer_s
        return longest_s if self.deadline_ms is None else min(longest_s, self.deadline_ms / 1e3)
