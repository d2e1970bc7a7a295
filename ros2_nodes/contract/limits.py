"""What no command may ever exceed. Every moving output needs its own; nothing is defaulted."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ros2_nodes.contract.base import Part, Positive

Numbers = Annotated[list[float], Field(min_length=1)]
PositiveNumbers = Annotated[list[Positive], Field(min_length=1)]
Point = Annotated[list[float], Field(min_length=3, max_length=3)]


class Workspace(Part):
    """A box in the frame of the poses, m, that the tool's origin stays in."""

    lower: Point
    upper: Point

    @model_validator(mode="after")
    def _order(self) -> Workspace:
        if any(low >= high for low, high in zip(self.lower, self.upper, strict=True)):
            raise ValueError(f"lower must be below upper in x, y and z, but they are {self.lower} and {self.upper}")
        return self


class JointLimits(Part):
    """One number a joint, or one for all: rad, rad/s, rad/s^2, rad/s^3 (m for prismatic joints)."""

    of: Literal["joints"]
    lower: Numbers
    upper: Numbers
    velocity: PositiveNumbers
    acceleration: PositiveNumbers
    jerk: PositiveNumbers
    workspace: Workspace | None = None
    """For outputs with `kinematics`."""


class PoseLimits(Part):
    """Sizes of the vectors: m/s, m/s^2, m/s^3 of the origin; rad/s, rad/s^2, rad/s^3 of the turn."""

    of: Literal["pose"]
    workspace: Workspace
    velocity: Positive
    acceleration: Positive
    jerk: Positive
    angular_velocity: Positive
    angular_acceleration: Positive
    angular_jerk: Positive


class PathLimits(Part):
    """Of a path's points: speed m/s and turn rate rad/s between any two of them."""

    of: Literal["path"]
    velocity: Positive
    angular_velocity: Positive


class GripperLimits(Part):
    """Of the number that the robot is sent."""

    of: Literal["gripper"]
    lower: float
    upper: float


Limits = Annotated[JointLimits | PoseLimits | PathLimits | GripperLimits, Field(discriminator="of")]
