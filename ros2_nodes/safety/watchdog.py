"""Two control periods without a good look at the robot hold it; a hold that lasts too long stops it."""

from __future__ import annotations

from ros2_nodes.reasons import Cause, Reason

_REFUSED_TICKS = 2
_LATE_PERIODS = 2.25
"""Two control periods, and what a timer may be late by."""


class Watchdog:
    """Told of every tick, and asked at every command. Steady seconds."""

    def __init__(self, period_s: float, hold_limit_s: float) -> None:
        self._period_s, self._hold_limit_s = period_s, hold_limit_s
        self._tick_s: float | None = None
        self._refused_ticks = 0
        self._refusals: tuple[Cause, ...] = ()

    def start(self, now_s: float) -> None:
        """Begin to watch: the time before counts for nothing."""
        self._tick_s, self._refused_ticks, self._refusals = now_s, 0, ()

    def ticked(self, refusals: tuple[Cause, ...], now_s: float) -> None:
        """One tick: nothing refused is a good one."""
        self._tick_s, self._refusals = now_s, refusals
        self._refused_ticks = self._refused_ticks + 1 if refusals else 0

    def causes(self, now_s: float) -> tuple[Cause, ...]:
        """What has been wrong for two control periods."""
        return self._refusals if self._refused_ticks >= _REFUSED_TICKS else self.late(now_s)

    def late(self, now_s: float) -> tuple[Cause, ...]:
        """Whether the last tick is more than two control periods ago."""
        if self._tick_s is not None and now_s - self._tick_s > _LATE_PERIODS * self._period_s:
            silent_ms = 1e3 * (now_s - self._tick_s)
            return (Cause(Reason.TICK_LATE, f"no tick for {silent_ms:.0f} ms: is the node starved?"),)
        return ()

    def held_too_long(self, since_s: float, now_s: float) -> tuple[Cause, ...]:
        """since_s: when the hold began."""
        if now_s - since_s <= self._hold_limit_s:
            return ()
        return (Cause(Reason.HOLD_TOO_LONG, f"held for more than {self._hold_limit_s:g} s"),)
