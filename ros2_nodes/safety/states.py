"""The five states that the robot side can be in, and the ways between them."""

from __future__ import annotations

from enum import Enum

from ros2_nodes.reasons import Cause


class SafetyState(str, Enum):
    INACTIVE = "inactive"
    """Nothing is sent."""
    STARTING = "starting"
    """Waiting for the first chunk; nothing is sent before it has passed the start gate."""
    RUNNING = "running"
    """Chunks are executed."""
    HOLD = "hold"
    """Slowed to rest on the planned path and held there; goes on by itself when all is well again."""
    STOPPED = "stopped"
    """Slowed to rest and held; only :meth:`SafetyStates.start` leaves it."""


class SafetyStates:
    """The machine. Every method is safe in every state; what a state forbids changes nothing and returns False."""

    def __init__(self) -> None:
        self.state = SafetyState.INACTIVE
        self.causes: tuple[Cause, ...] = ()
        """Why it holds or stands still; empty while it starts or runs."""
        self.since_s = 0.0
        """Steady time of the last change."""

    def start(self, now_s: float) -> bool:
        """INACTIVE, STOPPED -> STARTING."""
        return self._go(SafetyState.STARTING, (SafetyState.INACTIVE, SafetyState.STOPPED), (), now_s)

    def run(self, now_s: float) -> bool:
        """STARTING, HOLD -> RUNNING: a motion passed all checks."""
        return self._go(SafetyState.RUNNING, (SafetyState.STARTING, SafetyState.HOLD), (), now_s)

    def hold(self, causes: tuple[Cause, ...], now_s: float) -> bool:
        """RUNNING -> HOLD. A hold keeps its age when more causes come; STARTING notes them."""
        if self.state in (SafetyState.HOLD, SafetyState.STARTING):
            self.causes = causes
            return False
        return self._go(SafetyState.HOLD, (SafetyState.RUNNING,), causes, now_s)

    def note_nothing(self) -> None:
        """Nothing speaks against moving now: what STARTING waited for has come."""
        if self.state is SafetyState.STARTING:
            self.causes = ()

    def stop(self, causes: tuple[Cause, ...], now_s: float) -> bool:
        """STARTING, RUNNING, HOLD -> STOPPED."""
        moving = (SafetyState.STARTING, SafetyState.RUNNING, SafetyState.HOLD)
        return self._go(SafetyState.STOPPED, moving, causes, now_s)

    def deactivate(self, causes: tuple[Cause, ...], now_s: float) -> bool:
        """Any state -> INACTIVE."""
        return self._go(SafetyState.INACTIVE, tuple(SafetyState), causes, now_s)

    def _go(self, to: SafetyState, allowed: tuple[SafetyState, ...], causes: tuple[Cause, ...], now_s: float) -> bool:
        if self.state not in allowed or self.state is to:
            return False
        self.state, self.causes, self.since_s = to, causes, now_s
        return True
