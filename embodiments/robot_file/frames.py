"""Frames and kinematic chains as a robot file writes them."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from embodiments import rotations
from embodiments.kinematics import Chain, make_chain
from embodiments.poses import frame_change

Vector3 = Annotated[list[float], Field(min_length=3, max_length=3)]
Matrix3 = Annotated[list[Vector3], Field(min_length=3, max_length=3)]
Representation = Literal["euler_xyz", "quaternion_xyzw", "quaternion_wxyz", "axis_angle", "rot6d", "rot9d"]


class Strict(BaseModel):
    """No unknown keys: a misspelt one would be a default in silence."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)


class Frame(Strict):
    """A constant step from one frame to another: translation in metres, and a rotation in one representation."""

    translation: Vector3 = [0.0, 0.0, 0.0]
    matrix: Matrix3 | None = None
    euler_xyz: Vector3 | None = None
    quaternion_xyzw: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    quaternion_wxyz: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None

    @model_validator(mode="after")
    def _one_rotation(self) -> Frame:
        given = [name for name, value in self._rotations() if value is not None]
        if len(given) > 1:
            raise ValueError(f"the rotation is given {len(given)} times ({', '.join(given)}); give it once")
        return self

    def _rotations(self) -> list[tuple[str, Any]]:
        names = ("matrix", "euler_xyz", "quaternion_xyzw", "quaternion_wxyz")
        return [(name, getattr(self, name)) for name in names]

    def build(self) -> np.ndarray:
        """float64 [4, 4]."""
        turned = next(
            (rotations.to_matrix(np.array(value), name) for name, value in self._rotations() if value is not None), None
        )
        return frame_change(rotation=turned, translation=np.array(self.translation))


class Joint(Strict):
    """A joint that moves its link after the link's own transform; limits in rad or m."""

    name: str
    kind: Literal["revolute", "prismatic"] = "revolute"
    axis: Vector3 = [0.0, 0.0, 1.0]
    limits: Annotated[list[float], Field(min_length=2, max_length=2)] = [-math.pi, math.pi]


class Link(Strict):
    """One link: where it sits on the one before (m, one rotation), and how it moves there."""

    link: str = ""
    position: Vector3 = [0.0, 0.0, 0.0]
    euler_xyz: Vector3 | None = None
    quaternion_xyzw: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    quaternion_wxyz: Annotated[list[float], Field(min_length=4, max_length=4)] | None = None
    joint: Joint | None = None


def build_chain(links: list[Link], name: str) -> Chain:
    """The chain that these links make."""
    return make_chain([link.model_dump(exclude_none=True) for link in links], name)
