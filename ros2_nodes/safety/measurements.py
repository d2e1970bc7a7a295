"""A measured position cannot move faster than the robot."""

from __future__ import annotations

import numpy as np

from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.limits import Limits

_FASTER = 2.0
"""Times the velocity limits: by hand, or under gravity, a robot moves faster than it is told to."""
_SLACK_S = 0.1
"""Noise of a sensor and jitter of stamps, as the way gone in this time."""


class MeasurementCheck:
    """Compares the measured positions of one tick with those of the tick before."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._before: tuple[float, np.ndarray] | None = None

    def forget(self) -> None:
        self._before = None

    def causes(self, positions: np.ndarray, stamp_s: float) -> tuple[Cause, ...]:
        """positions: [N]; stamp_s: when they were measured. What is refused once is the base of the next comparison: a
        robot that really was moved is judged by where it is told to be."""
        before, self._before = self._before, (stamp_s, positions)
        if before is None or len(positions) == 0:
            return ()
        moved = self._limits.norms(positions - before[1])
        allowed = _FASTER * self._limits.velocity * (abs(stamp_s - before[0]) + _SLACK_S)
        if (moved <= allowed).all():
            return ()
        group = int((moved / allowed).argmax())
        detail = f"{self._limits.group_name(group)} moved by {moved[group]:.3f} between two ticks, more than it can"
        return (Cause(Reason.JOINT_JUMP, detail),)
