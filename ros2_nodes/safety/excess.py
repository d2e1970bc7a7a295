"""How much of its limits a motion uses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ros2_nodes.execution.motion import Kinematics
from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.limits import Limits

_REASONS = {
    "velocity": Reason.VELOCITY_LIMIT,
    "acceleration": Reason.ACCELERATION_LIMIT,
    "jerk": Reason.JERK_LIMIT,
}


@dataclass(frozen=True)
class Excess:
    """The largest used share of each limit over a motion, 1 at the limit, and the group that uses it (-1: none)."""

    velocity: float
    acceleration: float
    jerk: float
    groups: tuple[int, int, int]

    @classmethod
    def of(cls, motion: Kinematics, limits: Limits) -> Excess:
        worst = [_worst(getattr(motion, name), getattr(limits, name), limits) for name in _REASONS]
        return cls(worst[0][0], worst[1][0], worst[2][0], tuple(group for _, group in worst))

    @property
    def worst(self) -> float:
        return max(self.velocity, self.acceleration, self.jerk)

    @property
    def slowdown(self) -> float:
        """How many times slower the same path stays within: derivatives shrink with its first to third power."""
        return max(self.velocity, self.acceleration**0.5, self.jerk ** (1.0 / 3.0))

    def causes(self, limits: Limits, above: float = 1.0) -> tuple[Cause, ...]:
        """One cause for each limit that is used more than `above`."""
        found = []
        for (name, reason), group in zip(_REASONS.items(), self.groups, strict=True):
            share = getattr(self, name)
            if share > above:
                found.append(Cause(reason, f"{limits.group_name(group)} would use {share:.2f} times its {name} limit"))
        return tuple(found)


def _worst(values: np.ndarray, bounds: np.ndarray, limits: Limits) -> tuple[float, int]:
    if values.size == 0:
        return 0.0, -1
    shares = (limits.norms(values) / bounds).max(axis=0)
    if not np.isfinite(shares).all():
        return float("inf"), int(np.argmin(np.isfinite(shares)))
    group = int(shares.argmax())
    return float(shares[group]), group
