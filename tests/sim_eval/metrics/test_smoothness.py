"""Jerk and seams of motions whose answer is known."""

import numpy as np
import pytest

import embodiments
from embodiments import Trajectory
from sim_eval.metrics.smoothness import jerk, seam

DROID, JOINT = embodiments.get("droid"), embodiments.get("droid_joint")


def moving(x, height=0.3):
    """A DROID that goes along x (m, one value an instant) without turning: (unified, state at the start)."""
    poses = np.zeros((len(x), 6))
    poses[:, 0], poses[:, 2] = x, height
    trajectory = Trajectory({"cartesian_position": poses}, {"gripper_position": np.zeros(len(x) - 1)})
    return DROID.encode(trajectory), {"cartesian_position": poses[0]}


def test_the_jerk_of_a_cubic_is_its_third_derivative():
    time = np.arange(17) / DROID.fps
    found = jerk(DROID, *moving(0.4 + 0.05 * time**3))
    assert found == {"end_effector_jerk_m_s3": pytest.approx(6 * 0.05, rel=1e-6)}
    assert jerk(DROID, *moving(0.4 + 0.1 * time))["end_effector_jerk_m_s3"] == pytest.approx(0.0, abs=1e-6)


def test_the_jerk_of_joints_is_in_degrees():
    time = np.arange(32) / JOINT.fps
    unified = np.zeros((32, 8))
    unified[:, 2] = time**3
    assert jerk(JOINT, unified, {}) == {"arm_jerk_deg_s3": pytest.approx(np.degrees(6.0), rel=1e-6)}


def test_chunks_too_short_for_a_third_difference_have_no_jerk():
    assert jerk(DROID, *moving(np.array([0.4, 0.41, 0.42]))) == {}


def test_the_seam_is_from_the_last_executed_command_to_the_next_ones_first():
    first = moving(0.4 + 0.01 * np.arange(9))  # after 4 actions it is told 0.44
    second = moving(0.50 + 0.01 * np.arange(9))  # its first command is 0.51
    found = seam(DROID, first, second, 4)
    assert found["end_effector_seam_mm"] == pytest.approx(70.0)
    assert found["end_effector_seam_deg"] == pytest.approx(0.0, abs=1e-6)
    onward = moving(0.44 + 0.01 * np.arange(9))
    assert seam(DROID, first, onward, 4)["end_effector_seam_mm"] == pytest.approx(10.0), "one ordinary step"


def test_the_seam_of_joints_is_the_largest_one():
    first, second = np.zeros((8, 8)), np.full((8, 8), np.radians(3.0))
    second[0, 4] = np.radians(-5.0)
    assert seam(JOINT, (first, {}), (second, {}), 8) == {"arm_seam_deg": pytest.approx(5.0)}
    with pytest.raises(ValueError, match="9 executed actions"):
        seam(JOINT, (first, {}), (second, {}), 9)
