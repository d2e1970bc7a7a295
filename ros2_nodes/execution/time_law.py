"""How phase goes with time: at the model's own speed, then smoothly slower until it stands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class TimeLaw:
    """Rate 1 until `brake_s`, then the rate falls to 0 over `brake_duration_s` and stays there.

    The fall is a smoothstep 1 - 3x^2 + 2x^3, so that rate and its slope are continuous and everything on the path
    stays within jerk limits if they were chosen so. Braking uses up half its duration in phase.
    """

    brake_s: float
    """Steady time, and phase, at which braking begins."""
    brake_duration_s: float

    @property
    def rest_s(self) -> float:
        """Steady time from which on nothing moves."""
        return self.brake_s + self.brake_duration_s

    @property
    def rest_phase_s(self) -> float:
        return self.brake_s + 0.5 * self.brake_duration_s

    def phases(self, times_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Phase (s), rate (1), and its first and second derivatives (1/s, 1/s^2), [P] each, at steady times [P]."""
        x = np.clip((times_s - self.brake_s) / self.brake_duration_s, 0.0, 1.0)
        # Both ends count as braking: the jump of the second derivative there is what limits of jerk are about.
        braking = (times_s >= self.brake_s) & (times_s <= self.rest_s)
        phase = np.minimum(times_s, self.brake_s) + self.brake_duration_s * (x - x**3 + 0.5 * x**4)
        rate = 1.0 - 3.0 * x**2 + 2.0 * x**3
        slope = np.where(braking, 6.0 * x * (x - 1.0) / self.brake_duration_s, 0.0)
        bend = np.where(braking, (12.0 * x - 6.0) / self.brake_duration_s**2, 0.0)
        return phase, rate, slope, bend
