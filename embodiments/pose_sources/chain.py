"""Poses that follow from joint values by forward kinematics, on a base that stands or drives."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

import numpy as np

from embodiments import rotations
from embodiments.columns import Field
from embodiments.kinematics import Chain
from embodiments.pose_sources.base import PoseSource
from embodiments.pose_sources.components import PoseParts
from embodiments.poses import invert, make_poses
from embodiments.reading import Reader

# Position and quaternion xyzw of a base that has not moved.
_REST = ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0, 1.0))


@dataclass(frozen=True, eq=False)
class JointField:
    """A vector of joint values in the robot's data, and which of its entries a chain uses."""

    field: Field
    entries: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class ChainPose(PoseSource):
    """The tip of a chain. `joints` lists, in the chain's order, which entries of which vectors drive it.

    With `role` "command" in the fields, the path is that of the commanded joints, instants 0..T.
    """

    chain: Chain
    joints: tuple[JointField, ...]

    @property
    def fields(self) -> tuple[Field, ...]:
        return tuple(joint.field for joint in self.joints)

    def poses(self, reader: Reader) -> np.ndarray:
        values = [reader.instants(joint.field)[:, joint.entries] for joint in self.joints]
        return self.chain.forward(np.concatenate(values, axis=1))


@dataclass(frozen=True)
class BasePose:
    """Where a mobile base stands. An all-zero quaternion means "not turned" (AgiBot records it so)."""

    position: str
    rotation: str

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        parts = PoseParts(self.position, self.rotation, "quaternion_xyzw", "base in the world").fields
        # In examples the base stands still at the world's origin: driving is the exception.
        return tuple(replace(field, sample=partial(_at_rest, rest)) for field, rest in zip(parts, _REST, strict=True))

    def motion(self, reader: Reader) -> np.ndarray:
        """How the base has moved since instant 0, inv(B_0) B_t, float64 [rows, 4, 4]."""
        return reader.derived(self, lambda: self._motion(reader))

    def _motion(self, reader: Reader) -> np.ndarray:
        poses = self.poses(reader)
        if len(poses) == 1:
            return np.eye(4)[None]
        return invert(poses[0]) @ poses

    def poses(self, reader: Reader) -> np.ndarray:
        """Poses of the base in the world, float64 [rows, 4, 4]."""
        position, rotation = (reader.instants(field) for field in self.fields)
        unturned = np.linalg.norm(rotation, axis=-1, keepdims=True) < 1e-8
        rotation = np.where(unturned, np.array([0.0, 0.0, 0.0, 1.0]), rotation)
        return make_poses(position, rotations.to_matrix(rotation, "quaternion_xyzw"))


@dataclass(frozen=True, eq=False)
class MobileChainPose(PoseSource):
    """The tip of a chain on a driving base, in the frame of the base at instant 0: inv(B_0) B_t FK(q_t)."""

    chain_pose: ChainPose
    base: BasePose

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return (*self.chain_pose.fields, *self.base.fields)

    def poses(self, reader: Reader) -> np.ndarray:
        return self.base.motion(reader) @ self.chain_pose.poses(reader)


def _at_rest(values: tuple[float, ...], times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return np.tile(values, (len(times), 1))
