"""How often things happened since one last asked."""

from __future__ import annotations

from collections.abc import Mapping


class Rates:
    """Turns counters that only grow into rates."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._counts: dict[str, int] = {}

    def since_last(self, counts: Mapping[str, int], now_s: float) -> dict[str, float]:
        """Name -> a second, since the last call; 0 at the first. now_s: on a steady clock."""
        span = None if self._last_s is None else now_s - self._last_s
        before, self._counts, self._last_s = self._counts, dict(counts), now_s
        return {name: (count - before.get(name, 0)) / span if span else 0.0 for name, count in counts.items()}
