"""Measurements that never change while the robot is told to move: a frozen driver, long before it is far off."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ros2_nodes.reasons import Cause, Reason

_SHARE = 0.25
"""Of the tracking tolerance: told to go so far, a robot that measures anything measures a change."""


class StandstillCheck:
    """tolerance: the tracking tolerance, rad or m. Told every tick's measurement; equal means equal to the last bit."""

    def __init__(self, tolerance: float) -> None:
        self._farthest = _SHARE * tolerance
        self._since: tuple[float, np.ndarray] | None = None

    def forget(self) -> None:
        self._since = None

    def causes(self, measured: np.ndarray, when_s: float, told_at: Callable[[float], np.ndarray]) -> tuple[Cause, ...]:
        """measured: all numbers of the streams that measure, at `when_s`. told_at: time -> commanded positions [N]."""
        if self._since is None or not np.array_equal(self._since[1], measured):
            self._since = (when_s, measured)
            return ()
        told = float(np.abs(told_at(when_s) - told_at(self._since[0])).max(initial=0.0))
        if told <= self._farthest:
            return ()
        detail = (
            f"nothing that measures the robot has changed while it was told to go {told:.3f}: is its driver frozen?"
        )
        return (Cause(Reason.TRACKING_ERROR, detail),)
