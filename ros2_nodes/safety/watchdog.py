"""Two control periods without a good look at the robot hold it; a hold that lasts too long stops it."""

from __future__ import annotations

from ros2_nodes.reasons import Cause, Reason

_PERIODS = 2.0
_JITTER = 0.25
"""Of a period: a timer that fires a little early is still the second one."""


class Watchdog:
    """Told of every tick, and asked at every command. Steady seconds."""

    def __init__(self, period_s: float, hold_limit_s: float) -> None:
        self._period_s, self._hold_limit_s = period_s, hold_limit_s
        self._good_s: float | None = None
        self._tick_s: float | None = None
        self._refusals: tuple[Cause, ...] = ()

    def start(self, now_s: float) -> None:
        """Begin to watch: the time before counts for nothing."""
        self._good_s, self._tick_s, self._refusals = now_s, now_s, ()

    def ticked(self, refusals: tuple[Cause, ...], now_s: float) -> None:
        """One tick: nothing refused is a good one."""
        self._tick_s, self._refusals = now_s, refusals
        if not refusals:
            self._good_s = now_s

    def causes(self, now_s: float) -> tuple[Cause, ...]:
        """What has been wrong for two control periods."""
        patience = (_PERIODS - _JITTER) * self._period_s
        if self._refusals and self._good_s is not None and now_s - self._good_s >= patience:
            return self._refusals
        if self._tick_s is not None and now_s - self._tick_s > (_PERIODS + _JITTER) * self._period_s:
            return (
                Cause(Reason.TICK_LATE, f"no tick for {1e3 * (now_s - self._tick_s):.0f} ms: is the node starved?"),
            )
        return ()

    def held_too_long(self, since_s: float, now_s: float) -> tuple[Cause, ...]:
        """since_s: when the hold began."""
        if now_s - since_s <= self._hold_limit_s:
            return ()
        return (Cause(Reason.HOLD_TOO_LONG, f"held for more than {self._hold_limit_s:g} s"),)
