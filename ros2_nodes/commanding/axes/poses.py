"""Axes that are a pose: three of position, three of a rotation vector.

The rotation vector r is that of inv(R0) R, with R0 the orientation in which a motion sets out (its chart): near zero,
far from the singularity at a whole turn. Angular velocity in body axes is Jr(r) r', with the right Jacobian of SO(3)
(J. Sola et al., A micro Lie theory for state estimation in robotics, 2018, equation 143); its norm is at most |r'|, so
limits on r' bound it. The angular acceleration differs from r'' by at most the order of |r'|^2.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embodiments import rotations
from ros2_nodes.commanding.axes.base import AxisGroup, Chart
from ros2_nodes.contract import PoseLimits, PoseOutput
from ros2_nodes.execution.path import Start
from ros2_nodes.safety.limits import Limits

_SMALL_ANGLE = 1e-4
_STEP = 1e-6
"""For the derivative of the right Jacobian."""


class PoseGroup(AxisGroup):
    """Position (m) in the output's frame, and rotation vector (rad) from the chart."""

    def __init__(self, name: str, output: PoseOutput, limits: PoseLimits) -> None:
        self.output, self.limits = name, Limits.of_pose(name, limits)
        self._stream = output.measured_by
        self._position, self._quaternion = f"{output.command}_position", f"{output.command}_quaternion_xyzw"

    @property
    def command_names(self) -> tuple[str, ...]:
        return self._position, self._quaternion

    def measured(self, measured: Mapping[str, np.ndarray], chart: Chart) -> np.ndarray:
        pose = measured[self._stream]
        return np.concatenate([pose[:3, 3], rotation_vectors(pose[None, :3, :3], chart)[0]])

    def from_commands(self, commands: Mapping[str, np.ndarray], seed: np.ndarray, chart: Chart) -> np.ndarray:
        turned = rotations.to_matrix(commands[self._quaternion], "quaternion_xyzw")
        return np.concatenate([commands[self._position], rotation_vectors(turned, chart)], axis=-1)

    def to_commands(self, positions: np.ndarray, chart: Chart) -> dict[str, np.ndarray]:
        turned = chart @ rotations.to_matrix(positions[:, 3:], "axis_angle")
        return {
            self._position: positions[:, :3],
            self._quaternion: rotations.from_matrix(turned, "quaternion_xyzw"),
        }

    def body_rate(self, position: np.ndarray, velocity: np.ndarray) -> np.ndarray:
        """Angular velocity in the tool's own axes, [3] rad/s, at one position and velocity of the axes, [6] each."""
        return right_jacobian(position[3:]) @ velocity[3:]

    def chart_of(self, measured: Mapping[str, np.ndarray]) -> Chart:
        return measured[self._stream][:3, :3].copy()

    def moved_chart(self, start: Start, chart: Chart) -> tuple[Start, Chart]:
        """The same motion, told about the rotation that it has now: its rotation vector begins at zero again."""
        vector, rate, change = start.position[3:], start.velocity[3:], start.acceleration[3:]
        jacobian = right_jacobian(vector)
        bend = (right_jacobian(vector + _STEP * rate) - jacobian) / _STEP
        # At r = 0 the Jacobian is the identity, so there r' and r'' are the angular velocity and acceleration.
        moved = Start(
            np.concatenate([start.position[:3], np.zeros(3)]),
            np.concatenate([start.velocity[:3], jacobian @ rate]),
            np.concatenate([start.acceleration[:3], jacobian @ change + bend @ rate]),
        )
        return moved, chart @ rotations.to_matrix(vector, "axis_angle")

    def moved_positions(self, positions: np.ndarray, before: Chart, after: Chart) -> np.ndarray:
        turned = before @ rotations.to_matrix(positions[:, 3:], "axis_angle")
        return np.concatenate([positions[:, :3], rotation_vectors(turned, after)], axis=-1)


def rotation_vectors(turned: np.ndarray, chart: np.ndarray) -> np.ndarray:
    """Rotation vectors [T, 3] (rad) of inv(chart) R for rotations [T, 3, 3], each the one nearest to the one before, so
    that a turn beyond half a turn does not leap to the other side."""
    vectors = rotations.from_matrix(chart.T @ turned, "axis_angle")
    for index in range(1, len(vectors)):
        vectors[index] = _nearest(vectors[index], vectors[index - 1])
    return vectors


def _nearest(vector: np.ndarray, before: np.ndarray) -> np.ndarray:
    angle = float(np.linalg.norm(vector))
    if angle < _SMALL_ANGLE:
        return vector
    turns = np.round((before @ vector / angle - angle) / (2.0 * np.pi))
    return vector * (1.0 + turns * 2.0 * np.pi / angle)


def right_jacobian(vector: np.ndarray) -> np.ndarray:
    """Jr(r), [3, 3], of a rotation vector [3] in rad."""
    x, y, z = vector
    cross = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = float(np.linalg.norm(vector))
    if angle < _SMALL_ANGLE:
        return np.eye(3) - 0.5 * cross + cross @ cross / 6.0
    first = (1.0 - np.cos(angle)) / angle**2
    second = (angle - np.sin(angle)) / angle**3
    return np.eye(3) - first * cross + second * cross @ cross
