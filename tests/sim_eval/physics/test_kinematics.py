"""Forward and inverse kinematics undo each other, and motion keeps its limits and arrives."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import Failure

HOME = np.array([0.0, -np.pi / 5, 0.0, -4 * np.pi / 5, 0.0, 3 * np.pi / 5, 0.0])
offsets = st.lists(st.floats(-0.3, 0.3), min_size=7, max_size=7).map(np.array)
vectors = st.lists(st.floats(-0.5, 0.5), min_size=3, max_size=3).map(np.array)


@pytest.fixture(scope="module")
def kinematics(physics):
    environment = physics.open_environment("lift", seed=0, image_size=(32, 32), supersampling=1)
    yield environment.kinematics
    environment.close()


@settings(max_examples=40, deadline=None)
@given(offset=offsets)
def test_inverse_kinematics_reaches_what_forward_kinematics_gives(kinematics, offset):
    from sim_eval.physics.kinematics import pose_error

    goal = kinematics.flange_pose(HOME + offset)
    error = pose_error(kinematics.flange_pose(kinematics.joint_positions(goal, HOME)), goal)
    assert np.linalg.norm(error[:3]) < 1e-5 and np.linalg.norm(error[3:]) < 1e-4


def test_out_of_reach_is_told_in_metres(kinematics):
    goal = np.eye(4)
    goal[:3, 3] = [2.0, 0.0, 0.3]
    with pytest.raises(Failure, match=r"cannot reach flange position \[2.0, 0.0, 0.3\] m"):
        kinematics.joint_positions(goal, HOME)


@settings(max_examples=60, deadline=None)
@given(shift=vectors, turn=vectors)
def test_motion_keeps_its_limits_and_stops_at_the_goal(physics, shift, turn):
    from sim_eval.physics.motion import FlangeMotion
    from sim_eval.physics.tasks.base import MotionLimits

    limits, period = MotionLimits(0.2, 0.4, 0.7, 2.0), 1 / 15
    start, goal = np.eye(4), np.eye(4)
    goal[:3, :3], goal[:3, 3] = Rotation.from_rotvec(turn).as_matrix(), shift
    motion = FlangeMotion(start, period)
    poses = np.stack([start, *(motion.step(goal, limits) for _ in range(120))])
    velocities = np.diff(poses[:, :3, 3], axis=0) / period
    assert np.linalg.norm(velocities, axis=1).max() <= limits.speed_m_per_s + 1e-9
    changes = np.diff(np.vstack([np.zeros(3), velocities]), axis=0) / period
    assert np.linalg.norm(changes, axis=1).max() <= limits.acceleration_m_per_s2 + 1e-9
    np.testing.assert_allclose(poses[-1], goal, atol=1e-6)
    beyond = (poses[:, :3, 3] - shift) @ shift
    assert beyond.max() < 1e-3 * np.linalg.norm(shift) + 1e-9, "overshoot of less than a millimetre"
