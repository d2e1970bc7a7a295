"""Flange poses for grasping from above."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sim_eval.physics.tasks.base import Goal


def above(name: str, height_m: float) -> Goal:
    """The point between the fingertips ``height_m`` above a box's centre, the fingers closing on two of its sides.

    The flange's z points down; of the four ways to turn it to the box, the one next to straight ahead is taken.
    """

    def goal(environment, start: np.ndarray) -> np.ndarray:
        box = environment.object_pose(name)
        yaw = np.arctan2(box[1, 0], box[0, 0])
        yaw -= np.round(yaw / (np.pi / 2)) * np.pi / 2
        pose = np.eye(4)
        pose[:3, :3] = Rotation.from_euler("z", yaw).as_matrix() @ np.diag([1.0, -1.0, -1.0])
        pose[:3, 3] = box[:3, 3] + [0.0, 0.0, height_m + environment.grip_offset()]
        return pose

    return goal


def stay(environment, start: np.ndarray) -> np.ndarray:
    """Where the phase began."""
    return start


def rise(height_m: float) -> Goal:
    """Straight up from where the phase began."""

    def goal(environment, start: np.ndarray) -> np.ndarray:
        pose = start.copy()
        pose[2, 3] += height_m
        return pose

    return goal
