"""A joint trajectory controller that behaves as ros2_controllers' of Humble and Jazzy does."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import CubicHermiteSpline


class TrajectoryController:
    """A new trajectory replaces the old one whole. Before its first point is due it is joined from where the joints are
    told to be; if that is over, the joints go at once to where they have to be by now.

    Points with velocities are joined by cubic polynomials, without by straight lines (which means velocity steps).
    Refused are other joints, times that do not increase strictly, a last velocity other than zero, and what is over.
    """

    def __init__(self, joints: list[str], position: np.ndarray) -> None:
        self.joints = joints
        self._start_s = 0.0
        self._times = np.array([0.0])
        self._positions = position[None].astype(float)
        self._velocities: np.ndarray | None = None

    def accept(
        self,
        names: list[str],
        times_s: np.ndarray,
        positions: np.ndarray,
        velocities: np.ndarray | None,
        now_s: float,
        start_s: float | None = None,
    ) -> str | None:
        """Take the trajectory over; None, or why it is refused. start_s: what times count from; None is now."""
        if sorted(names) != sorted(self.joints):
            return f"joints {names}, not {self.joints}"
        if len(times_s) == 0 or times_s[0] < 0 or (np.diff(times_s) <= 0).any():
            return f"times do not increase strictly: {times_s.tolist()}"
        if velocities is not None and np.abs(velocities[-1]).max() > 1e-9:
            return f"the last velocity is {velocities[-1].tolist()}, not zero"
        start_s = now_s if start_s is None else start_s
        if start_s + times_s[-1] < now_s:
            return f"it ended {now_s - start_s - times_s[-1]:.3f} s ago"
        order = [names.index(joint) for joint in self.joints]
        position, velocity = self.sample(now_s)
        self._start_s, self._times = start_s, times_s
        self._positions = positions[:, order]
        self._velocities = None if velocities is None else velocities[:, order]
        if start_s + times_s[0] > now_s:
            self._times = np.concatenate([[now_s - start_s], times_s])
            self._positions = np.vstack([position, self._positions])
            self._velocities = None if velocities is None else np.vstack([velocity, self._velocities])
        if self._velocities is not None:
            self._curve = CubicHermiteSpline(self._times, self._positions, self._velocities)
            self._slope = self._curve.derivative()
        return None

    def place(self, position: np.ndarray) -> None:
        """Be there."""
        self._times, self._positions, self._velocities = np.array([0.0]), position[None].astype(float), None

    def sample(self, now_s: float) -> tuple[np.ndarray, np.ndarray]:
        """Position and velocity that the joints are told now."""
        time_s = now_s - self._start_s
        if time_s >= self._times[-1]:
            return self._positions[-1], np.zeros(self._positions.shape[1])
        if self._velocities is not None:
            return self._curve(time_s), self._slope(time_s)
        i = int(np.searchsorted(self._times, time_s, side="right")) - 1
        step = self._positions[i + 1] - self._positions[i]
        share = (time_s - self._times[i]) / (self._times[i + 1] - self._times[i])
        return self._positions[i] + share * step, step / (self._times[i + 1] - self._times[i])
