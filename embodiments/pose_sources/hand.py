"""Wrists of tracked hands: joints in the camera's frame, the camera itself moving through the world."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from embodiments import rotations
from embodiments.columns import Field, smooth_in_range
from embodiments.pose_sources.base import PoseSource
from embodiments.pose_sources.components import PoseParts
from embodiments.poses import make_poses
from embodiments.reading import Reader

NUM_JOINTS = 21
WRIST = 0
FINGERTIPS = (4, 8, 12, 16, 20)
"""Thumb, index, middle, ring, little."""


@dataclass(frozen=True, eq=False)
class HandPose(PoseSource):
    """The wrist of one hand in the world: camera_to_world @ wrist_in_camera.

    `positions` names 21 joints x 3 (m) and `rotations` 21 x quaternion xyzw, flat, both in the camera's frame; only the
    wrist's rotation is used.
    """

    camera: PoseParts
    positions: str
    rotations: str
    example_tips: np.ndarray
    """Where the tips of the example hand are in the recorded wrist's frame, [5, 3] m."""

    @cached_property
    def hand_fields(self) -> tuple[Field, Field]:
        return (
            Field(
                self.positions, "state", (3 * NUM_JOINTS,), "m", "21 hand joints in the camera's frame, xyz each",
                sample=self._example,
            ),
            Field(
                self.rotations, "state", (4 * NUM_JOINTS,), "1",
                "21 hand joints in the camera's frame, quaternion xyzw each", sample=_at_rest,
            ),
        )  # fmt: skip

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return (*self.camera.fields, *self.hand_fields)

    def wrist_in_camera(self, reader: Reader) -> np.ndarray:
        """Poses of the wrist in the camera's frame, float64 [rows, 4, 4]."""
        positions, turns = (reader.instants(field) for field in self.hand_fields)
        quaternion = turns[:, 4 * WRIST : 4 * WRIST + 4]
        return make_poses(positions[:, 3 * WRIST : 3 * WRIST + 3], rotations.to_matrix(quaternion, "quaternion_xyzw"))

    def poses(self, reader: Reader) -> np.ndarray:
        return self.camera.poses(reader) @ self.wrist_in_camera(reader)

    def fingertips_in_camera(self, reader: Reader) -> np.ndarray:
        """The five tips in the camera's frame, float64 [rows, 5, 3] in metres."""
        positions = reader.instants(self.hand_fields[0]).reshape(-1, NUM_JOINTS, 3)
        return positions[:, FINGERTIPS]

    def _example(self, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """A hand before the camera that moves without turning; joints other than wrist and tips are not used."""
        wrist = smooth_in_range(times, generator, np.array([-0.2, -0.2, 0.3]), np.array([0.2, 0.2, 0.6]), (3,))
        offsets = np.zeros((NUM_JOINTS, 3))
        offsets[FINGERTIPS, :] = self.example_tips
        return (wrist[:, None] + offsets).reshape(len(times), -1)


def _at_rest(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return np.tile((0.0, 0.0, 0.0, 1.0), (len(times), NUM_JOINTS))
