"""The first command is near where the robot is, and the first seconds are slow."""

from __future__ import annotations

import numpy as np

from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.distances import farther

_FIRST_SHARE = 0.1


class StartGate:
    """tolerance: rad or m, from the present position to the first action. ramp_s: over this time the share of the
    limits that may be used grows from a tenth to all."""

    def __init__(self, names: tuple[str, ...], tolerance: float, ramp_s: float) -> None:
        self._names, self._tolerance, self._ramp_s = names, tolerance, ramp_s
        self._opened_s: float | None = None

    def close(self) -> None:
        """The next motion is a first one again."""
        self._opened_s = None

    def open(self, now_s: float) -> None:
        """The first motion begins."""
        if self._opened_s is None:
            self._opened_s = now_s

    def causes(self, first: np.ndarray, present: np.ndarray) -> tuple[Cause, ...]:
        """What speaks against setting out from `present` to `first`, [N] each."""
        return farther(first, present, self._names, self._tolerance, Reason.START_TOO_FAR, "the first action is")

    def share(self, now_s: float) -> float:
        """Part of the velocity, acceleration and jerk limits for a motion that is planned now."""
        if self._opened_s is None or self._ramp_s <= 0.0:
            return _FIRST_SHARE if self._ramp_s > 0.0 else 1.0
        return min(_FIRST_SHARE + (1.0 - _FIRST_SHARE) * (now_s - self._opened_s) / self._ramp_s, 1.0)
