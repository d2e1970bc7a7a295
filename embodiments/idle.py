"""Counting idle steps of a recorded chunk: the training prompts say how many there are.

Thresholds and method follow cosmos-framework at 5eee9ed (`compute_idle_frames`): a step is idle if every kind of
column is, and counts only within a run of at least three.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np

from embodiments.columns import Column


class IdleRule(ABC):
    """How training counted the idle steps of a robot's chunks."""

    @abstractmethod
    def count(self, unified: np.ndarray, columns: tuple[Column, ...], fps: float) -> int:
        """The number of idle steps in a chunk [T, D] of unified actions."""


@dataclass(frozen=True)
class IdleThresholds(IdleRule):
    """Speeds below which a step counts as idle: `translation` m/s over all position columns together, `rotation` rad/s
    for the fastest pose, `gripper` in the gripper's unit a step, `joint` rad/s, `shortest_run` steps.

    Fingertips count as positions, as they do in training: absolute points are never near zero, so chunks of hands come
    out with no idle step.
    """

    translation: float = 5e-3
    rotation: float = math.radians(1.5)
    gripper: float = 1e-2
    joint: float = 5e-3
    shortest_run: int = 3

    def count(self, unified: np.ndarray, columns: tuple[Column, ...], fps: float) -> int:
        # Training counts on float32 actions: a step of exactly the threshold must fall on the same side here.
        unified = np.asarray(unified, dtype=np.float32)

        def group(*kinds: str) -> np.ndarray:
            return unified[:, [column.kind in kinds for column in columns]]

        idle = np.ones(len(unified), dtype=bool)
        positions, turns = group("position", "fingertip"), group("rotation")
        if positions.shape[1]:
            idle &= np.linalg.norm(positions, axis=1) < self.translation / fps
        if turns.shape[1]:
            idle &= _angles(turns.reshape(len(unified), -1, 6)).max(axis=1) < self.rotation / fps
        for values, limit in ((group("gripper"), self.gripper), (group("joint"), self.joint / fps)):
            if values.shape[1]:
                idle &= np.abs(np.diff(values, axis=0, prepend=values[:1])).max(axis=1) < limit
        return int(_long_runs(idle, self.shortest_run).sum())


def _angles(rot6d: np.ndarray) -> np.ndarray:
    """Angle of rotation (rad) from the two columns of a true rotation matrix, [..., 6] -> [...]."""
    first, second = rot6d[..., :3], rot6d[..., 3:]
    third_diagonal = first[..., 0] * second[..., 1] - first[..., 1] * second[..., 0]
    trace = first[..., 0] + second[..., 1] + third_diagonal
    return np.arccos(np.clip((trace - 1.0) / 2.0, -1.0, 1.0))


def _long_runs(idle: np.ndarray, shortest: int) -> np.ndarray:
    edges = np.flatnonzero(np.diff(np.concatenate([[0], idle.astype(np.int8), [0]])))
    kept = np.zeros_like(idle)
    for begin, end in zip(edges[::2], edges[1::2], strict=True):
        kept[begin:end] = end - begin >= shortest
    return kept
