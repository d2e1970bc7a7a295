"""Poses that the robot reports as numbers: position and rotation in one vector, in two, or as a matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from embodiments import rotations
from embodiments.columns import METRES_PER_UNIT, RADIANS_PER_UNIT, Field, smooth_in_range
from embodiments.pose_sources.base import PoseSource
from embodiments.poses import make_poses, require_poses
from embodiments.reading import Reader

_ROTATION_UNITS = {"euler_xyz": "rad", "axis_angle": "rad"}


def _example_rotations(times: np.ndarray, generator: np.random.Generator, representation: str) -> np.ndarray:
    """A slow smooth turn about a random pose, [len(times), width]."""
    start = rotations.to_matrix(generator.normal(size=4), "quaternion_xyzw")
    turn = smooth_in_range(times, generator, -0.3, 0.3, (3,))
    return rotations.from_matrix(start @ rotations.to_matrix(turn - turn[:1], "axis_angle"), representation)


def _example_positions(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return smooth_in_range(times, generator, np.array([0.3, -0.3, 0.1]), np.array([0.6, 0.3, 0.6]), (3,))


@dataclass(frozen=True)
class PoseVector(PoseSource):
    """One vector: position, then the rotation in that representation. DROID: [xyz, Euler xyz].

    `length_unit` ("m", "cm", "mm") and, for Euler angles and axis-angle, `angle_unit` ("rad", "deg") are the robot's
    own; commands go back in them.
    """

    quantity: str
    representation: str
    meaning: str = "tool pose in the base frame"
    length_unit: str = "m"
    angle_unit: str = "rad"

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        unit = f"{self.length_unit}, {self.angle_unit if self.representation in _ROTATION_UNITS else '1'}"
        width = 3 + rotations.WIDTHS[self.representation]
        meaning = f"{self.meaning}: xyz, {self.representation}"
        return (Field(self.quantity, "state", (width,), unit, meaning, -np.inf, np.inf, self._example),)

    def poses(self, reader: Reader) -> np.ndarray:
        vector = reader.instants(self.fields[0]) * self._si_per_unit
        return make_poses(vector[:, :3], rotations.to_matrix(vector[:, 3:], self.representation))

    def commands(self, poses: np.ndarray) -> dict[str, np.ndarray]:
        turned = rotations.from_matrix(poses[:, :3, :3], self.representation)
        return {self.quantity: np.concatenate([poses[:, :3, 3], turned], axis=-1) / self._si_per_unit}

    @cached_property
    def _si_per_unit(self) -> np.ndarray:
        angle = RADIANS_PER_UNIT[self.angle_unit] if self.representation in _ROTATION_UNITS else 1.0
        width = rotations.WIDTHS[self.representation]
        return np.array([METRES_PER_UNIT[self.length_unit]] * 3 + [angle] * width)

    def _example(self, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        turned = _example_rotations(times, generator, self.representation)
        return np.concatenate([_example_positions(times, generator), turned], axis=-1) / self._si_per_unit


@dataclass(frozen=True)
class PoseParts(PoseSource):
    """Two vectors: position (m), and the rotation in that representation."""

    position: str
    rotation: str
    representation: str
    meaning: str = "pose in the world frame"

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        width, unit = rotations.WIDTHS[self.representation], _ROTATION_UNITS.get(self.representation, "1")
        return (
            Field(
                self.position, "state", (3,), "m", f"{self.meaning}: position", -np.inf, np.inf, _example_positions
            ),
            Field(
                self.rotation, "state", (width,), unit, f"{self.meaning}: {self.representation}", -np.inf, np.inf,
                lambda times, generator: _example_rotations(times, generator, self.representation),
            ),
        )  # fmt: skip

    def poses(self, reader: Reader) -> np.ndarray:
        return reader.derived(self, lambda: self._read(reader))

    def _read(self, reader: Reader) -> np.ndarray:
        position, rotation = (reader.instants(field) for field in self.fields)
        return make_poses(position, rotations.to_matrix(rotation, self.representation))

    def commands(self, poses: np.ndarray) -> dict[str, np.ndarray]:
        return {
            self.position: poses[:, :3, 3].copy(),
            self.rotation: rotations.from_matrix(poses[:, :3, :3], self.representation),
        }


@dataclass(frozen=True)
class PoseMatrix(PoseSource):
    """A body-to-world 4x4 matrix, position in metres."""

    quantity: str
    meaning: str = "camera-to-world pose"

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return (Field(self.quantity, "state", (4, 4), "m, 1", self.meaning, -np.inf, np.inf, self._example),)

    def poses(self, reader: Reader) -> np.ndarray:
        poses = reader.instants(self.fields[0])
        require_poses(poses, repr(self.quantity))
        return poses

    def commands(self, poses: np.ndarray) -> dict[str, np.ndarray]:
        return {self.quantity: poses.copy()}

    def _example(self, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        turned = _example_rotations(times, generator, "matrix")
        return make_poses(_example_positions(times, generator), turned)
