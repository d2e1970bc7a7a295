"""Limits as numbers: of every axis, and of the size of motion of groups of axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ros2_nodes.contract.limits import JointLimits, PoseLimits

_POSITION_TOLERANCE = 1e-9
"""Rounding of a clamped number, rad or m."""


@dataclass(frozen=True, eq=False)
class Limits:
    """names, lower, upper: of each axis, [N] (infinite where an axis has none). groups: the first axis of each group,
    [G]; a group ends where the next begins. velocity, acceleration, jerk: largest Euclidean norm of each group, [G].

    A joint is a group of its own; a pose is two, three axes of position and three of rotation.
    """

    names: tuple[str, ...]
    lower: np.ndarray
    upper: np.ndarray
    groups: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray

    @classmethod
    def of_joints(cls, joints: Sequence[str], limits: JointLimits) -> Limits:
        count = len(joints)
        told = (limits.lower, limits.upper, limits.velocity, limits.acceleration, limits.jerk)
        lower, upper, velocity, acceleration, jerk = (
            np.broadcast_to(np.array(numbers, dtype=np.float64), (count,)).copy() for numbers in told
        )
        return cls(tuple(joints), lower, upper, np.arange(count), velocity, acceleration, jerk)

    @classmethod
    def of_pose(cls, name: str, limits: PoseLimits) -> Limits:
        """Six numbers: position (m) inside the workspace, and a rotation vector (rad) that only its rates bound."""
        free = np.full(3, np.inf)
        names = tuple(f"{name}.{axis}" for axis in ("x", "y", "z", "turn_x", "turn_y", "turn_z"))
        return cls(
            names,
            np.concatenate([limits.workspace.lower, -free]),
            np.concatenate([limits.workspace.upper, free]),
            np.array([0, 3]),
            np.array([limits.velocity, limits.angular_velocity]),
            np.array([limits.acceleration, limits.angular_acceleration]),
            np.array([limits.jerk, limits.angular_jerk]),
        )

    @classmethod
    def together(cls, parts: Sequence[Limits]) -> Limits:
        """The axes of all parts, one after the other."""
        offsets = np.cumsum([0, *(len(part.names) for part in parts)])
        starts = [part.groups + offset for part, offset in zip(parts, offsets, strict=False)]

        def joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
            return np.concatenate([np.zeros(0), *arrays])

        return cls(
            sum((part.names for part in parts), ()),
            joined([part.lower for part in parts]),
            joined([part.upper for part in parts]),
            joined(starts).astype(np.intp),
            joined([part.velocity for part in parts]),
            joined([part.acceleration for part in parts]),
            joined([part.jerk for part in parts]),
        )

    @property
    def num_axes(self) -> int:
        return len(self.names)

    def norms(self, values: np.ndarray) -> np.ndarray:
        """Euclidean norm of every group, [..., G], of values [..., N]."""
        if self.num_axes == 0:
            return np.zeros((*values.shape[:-1], 0))
        return np.sqrt(np.add.reduceat(values * values, self.groups, axis=-1))

    def clamp(self, positions: np.ndarray, margin: np.ndarray | float = 0.0) -> np.ndarray:
        """Positions [..., N] within the limits, or within `margin` of them where there is room."""
        bounded = np.isfinite(self.lower) & np.isfinite(self.upper)
        middle = 0.5 * (np.where(bounded, self.lower, 0.0) + np.where(bounded, self.upper, 0.0))
        low = np.where(bounded, np.minimum(self.lower + margin, middle), self.lower)
        high = np.where(bounded, np.maximum(self.upper - margin, middle), self.upper)
        return np.clip(positions, low, high)

    def overshoot(self, positions: np.ndarray, inset: np.ndarray | float = 0.0) -> np.ndarray:
        """By how much positions [P, N] leave the limits, or come nearer to them than `inset`, per axis, [N]; else 0."""
        if len(positions) == 0:
            return np.zeros(self.num_axes)
        beyond = np.maximum(self.lower - positions, positions - self.upper).max(axis=0) + inset
        return np.where(beyond > _POSITION_TOLERANCE, beyond, 0.0)

    def room(self, position: np.ndarray) -> np.ndarray:
        """How far a position [N] is within the limits, per axis; infinite where an axis has none."""
        return np.minimum(position - self.lower, self.upper - position)

    def scaled(self, share: float) -> Limits:
        """The same with velocity, acceleration and jerk times `share`."""
        return Limits(
            self.names,
            self.lower,
            self.upper,
            self.groups,
            share * self.velocity,
            share * self.acceleration,
            share * self.jerk,
        )

    def group_name(self, group: int) -> str:
        return self.names[self.groups[group]].removesuffix("_x").removesuffix(".x")
