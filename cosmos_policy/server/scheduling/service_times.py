"""How long a batch will take, learnt from those that were computed."""

from __future__ import annotations

from collections.abc import Hashable

WEIGHT = 0.3
LARGEST = 256


class ServiceTimes:
    """Moving averages of seconds, by call and shape and batch size."""

    def __init__(self) -> None:
        self._seconds: dict[tuple[Hashable, int], float] = {}

    def note(self, kind: Hashable, size: int, seconds: float) -> None:
        """A batch of `size` took `seconds`."""
        known = self._seconds.pop((kind, size), None)
        self._seconds[kind, size] = seconds if known is None else known + WEIGHT * (seconds - known)
        while len(self._seconds) > LARGEST:
            del self._seconds[next(iter(self._seconds))]

    def expect(self, kind: Hashable, size: int) -> float | None:
        """Seconds that a batch of `size` will take; None where nothing like it was computed yet.

        Where this size was never measured, the nearest smaller one is scaled up in proportion: never too short by more
        than batching saves.
        """
        measured = {known: seconds for (other, known), seconds in self._seconds.items() if other == kind}
        if not measured:
            return None
        if size in measured:
            return measured[size]
        smaller = [known for known in measured if known < size]
        if smaller:
            nearest = max(smaller)
            return measured[nearest] * size / nearest
        return measured[min(measured)]
