"""The two clocks against each other."""

from __future__ import annotations

from ros2_nodes.loop.instant import Instant
from ros2_nodes.reasons import Cause, Reason


class ClockWatch:
    """Brings stamps to steady time, and notices when the clock of stamps jumps."""

    def __init__(self, max_jump_ms: float) -> None:
        self._max_jump_ms = max_jump_ms
        self._offset_s: float | None = None

    def causes(self, now: Instant) -> tuple[Cause, ...]:
        """Whether the clocks moved against each other since the last call; afterwards the new offset holds."""
        before, self._offset_s = self._offset_s, now.steady_s - now.stamp_s
        if before is None or abs(self._offset_s - before) * 1e3 <= self._max_jump_ms:
            return ()
        detail = f"the clock of stamps jumped by {-1e3 * (self._offset_s - before):+.0f} ms"
        return (Cause(Reason.CLOCK_JUMP, detail),)

    def steady(self, stamp_s: float) -> float:
        """Steady time of a stamp, by the offset of the last call of :meth:`causes`."""
        return stamp_s + self._offset_s
