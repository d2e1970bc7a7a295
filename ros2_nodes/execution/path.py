"""A smooth way through the actions of a chunk, as a function of phase."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.interpolate import BSpline, make_interp_spline


@dataclass(frozen=True)
class Start:
    """Where a motion sets out: position, velocity and acceleration, [N] each."""

    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray

    @classmethod
    def at_rest(cls, position: np.ndarray) -> Start:
        return cls(position, np.zeros_like(position), np.zeros_like(position))


@dataclass(frozen=True, eq=False)
class Path:
    """A quintic spline: from `start` at phase `knots_s[0]` through `positions[1:]` at `knots_s[1:]`.

    knots_s: [K] strictly increasing phases, seconds; a phase is a steady time as long as nothing brakes. positions:
    [K, N], the first is the start's. Its first four derivatives are continuous, so jerk is finite; at the start
    velocity and acceleration are those of the motion before, at the end acceleration and jerk are zero.
    """

    knots_s: np.ndarray
    positions: np.ndarray
    start: Start

    @property
    def start_s(self) -> float:
        return float(self.knots_s[0])

    @property
    def end_s(self) -> float:
        return float(self.knots_s[-1])

    def evaluate(self, phases_s: np.ndarray, order: int) -> np.ndarray:
        """The derivative of that order (0 to 3), [P, N], at phases [P] within the knots."""
        if self.positions.shape[1] == 0:
            return np.zeros((len(phases_s), 0))
        return self._derivatives[order](phases_s - self.start_s)

    @cached_property
    def _derivatives(self) -> tuple[BSpline, ...]:
        zero = np.zeros(self.positions.shape[1])
        ends = ([(1, self.start.velocity), (2, self.start.acceleration)], [(2, zero), (3, zero)])
        # Phases count from the start: steady times are large numbers, and the spline's matrix is full of powers.
        spline = make_interp_spline(self.knots_s - self.start_s, self.positions, k=5, bc_type=ends)
        return (spline, *(spline.derivative(order) for order in (1, 2, 3)))
