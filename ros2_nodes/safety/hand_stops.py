"""The emergency stop and the deadman, as they stand now."""

from __future__ import annotations

from ros2_nodes.contract.stops import Stops
from ros2_nodes.reasons import Cause, Reason


class HandStops:
    """Steady seconds. A deadman that has never been heard of is not held."""

    def __init__(self, stops: Stops) -> None:
        self._deadman = stops.deadman
        self.pressed = False
        self._held, self._heard_s = False, 0.0

    def press(self, pressed: bool) -> None:
        self.pressed = pressed

    def hold(self, held: bool, now_s: float) -> None:
        self._held, self._heard_s = held, now_s

    def emergency(self) -> tuple[Cause, ...]:
        return (Cause(Reason.EMERGENCY_STOP, "the emergency stop is pressed"),) if self.pressed else ()

    def released(self, now_s: float) -> tuple[Cause, ...]:
        """What the deadman says against moving."""
        if self._deadman is None:
            return ()
        if not self._held:
            return (Cause(Reason.DEADMAN_RELEASED, "nobody holds the deadman"),)
        silent_ms = 1e3 * (now_s - self._heard_s)
        if silent_ms > self._deadman.max_age_ms:
            detail = f"the deadman is silent for {silent_ms:.0f} ms, more than {self._deadman.max_age_ms:g} ms"
            return (Cause(Reason.DEADMAN_RELEASED, detail),)
        return ()
