"""Flange poses and phases for grasping from above and for setting down."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from sim_eval.physics.tasks.base import Goal, MotionLimits, Phase

# At 15 Hz these speeds keep the steps inside what DROID holds (its 1 % to 99 % quantiles), so that nothing is clamped.
FREE = MotionLimits(speed_m_per_s=0.20, acceleration_m_per_s2=0.4)
CAREFUL = MotionLimits(speed_m_per_s=0.10, acceleration_m_per_s2=0.3)


def grasp(approach: Goal, descent: Goal, free: MotionLimits = FREE) -> tuple[Phase, Phase, Phase]:
    """The phases from anywhere to an object in the closed gripper. approach, descent: above it, and at it."""
    return (
        Phase("reach", approach, 0.0, free, position_tolerance_m=0.03, is_approach=True),
        Phase("descend", descent, 0.0, CAREFUL, position_tolerance_m=0.004),
        Phase("grasp", stay, 1.0, CAREFUL, position_tolerance_m=0.01, dwell_s=0.6),
    )


def set_down(free: MotionLimits = FREE) -> tuple[Phase, Phase]:
    """The phases from an object at its place to the open gripper above it."""
    return (
        Phase("release", stay, 0.0, CAREFUL, position_tolerance_m=0.01, dwell_s=0.5),
        Phase("retreat", rise(0.12), 0.0, free, position_tolerance_m=0.02, dwell_s=0.4),
    )


def above(name: str, height_m: float) -> Goal:
    """The point between the fingertips ``height_m`` above a box's centre, the fingers closing on two of its sides.

    The flange's z points down; of the four ways to turn it to the box, the one next to the rest posture's is taken.
    """

    def goal(environment, start: np.ndarray) -> np.ndarray:
        box, ahead = environment.object_pose(name), heading(environment)
        turn = np.arctan2(box[1, 0], box[0, 0]) - ahead
        turn -= np.round(turn / (np.pi / 2)) * np.pi / 2
        return grip_at(environment, box[:3, 3] + [0.0, 0.0, height_m], ahead + turn)

    return goal


def over(name: str, height_m: float) -> Goal:
    """The point between the fingertips ``height_m`` above an upright round object, turned as the rest posture is."""

    def goal(environment, start: np.ndarray) -> np.ndarray:
        centre = environment.object_pose(name)[:3, 3]
        return grip_at(environment, centre + np.array([0.0, 0.0, height_m]), heading(environment))

    return goal


def carry(held: str, place: str, height_m: float) -> Goal:
    """What the gripper holds brought ``height_m`` above a place (centre above centre), turned as it is.

    Corrects for where in the gripper the object lies.
    """

    def goal(environment, start: np.ndarray) -> np.ndarray:
        pose = start.copy()
        wanted = environment.object_pose(place)[:3, 3] + [0.0, 0.0, height_m]
        flange = environment.state().flange_pose[:3, 3]
        pose[:3, 3] = wanted + flange - environment.object_pose(held)[:3, 3]
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


def grip_at(environment, point: np.ndarray, yaw: float) -> np.ndarray:
    """The flange pose, looking down, that has ``point`` (base frame, m) between the fingertips."""
    pose = np.eye(4)
    pose[:3, :3] = Rotation.from_euler("z", yaw).as_matrix() @ np.diag([1.0, -1.0, -1.0])
    pose[:3, 3] = point + np.array([0.0, 0.0, environment.grip_offset()])
    return pose


def heading(environment) -> float:
    """Angle (rad) about the base's z of the flange's x axis in the rest posture."""
    kinematics = environment.kinematics
    ahead = kinematics.flange_pose(kinematics.rest)[:3, 0]
    return float(np.arctan2(ahead[1], ahead[0]))
