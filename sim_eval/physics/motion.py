"""Smooth straight-line motion of the flange from wherever it is towards a goal that may move."""

import numpy as np
from scipy.spatial.transform import Rotation

from sim_eval.physics.kinematics import pose_error
from sim_eval.physics.tasks.base import MotionLimits


class FlangeMotion:
    """Leads a pose towards its goal, step by step, with bounded speed and acceleration, and stops there.

    Args:
        pose: ``[4, 4]`` where the motion starts, at rest.
        period_s: time between steps, seconds.
    """

    def __init__(self, pose: np.ndarray, period_s: float) -> None:
        self.pose = pose.copy()
        self._period = period_s
        self._velocity = np.zeros(3)
        self._turn_rate = np.zeros(3)

    def step(self, goal: np.ndarray, limits: MotionLimits) -> np.ndarray:
        """The pose ``[4, 4]`` one period later."""
        error = pose_error(self.pose, goal)
        self._velocity = self._led(self._velocity, error[:3], limits.speed_m_per_s, limits.acceleration_m_per_s2)
        self._turn_rate = self._led(
            self._turn_rate, error[3:], limits.turn_rate_rad_per_s, limits.turn_acceleration_rad_per_s2
        )
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_rotvec(self._turn_rate * self._period).as_matrix() @ self.pose[:3, :3]
        pose[:3, 3] = self.pose[:3, 3] + self._velocity * self._period
        self.pose = pose
        return pose

    def _led(self, velocity: np.ndarray, error: np.ndarray, limit: float, acceleration: float) -> np.ndarray:
        distance = np.linalg.norm(error)
        if distance == 0.0:
            wanted = np.zeros(3)
        else:
            # Fastest speed from which steps of acceleration * period still stop in the distance left.
            gain = acceleration * self._period
            stopping = np.sqrt(2.0 * acceleration * distance + gain**2 / 4.0) - gain / 2.0
            wanted = error / distance * min(limit, stopping, distance / self._period)
        change = wanted - velocity
        size = np.linalg.norm(change)
        return velocity + change * min(1.0, acceleration * self._period / size if size > 0.0 else 1.0)
