"""Kinematics from a URDF: forward against the chain of its own numbers, inverse against forward."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from cosmos_policy.errors import UsageError

pytest.importorskip("mink", reason="the extra 'kinematics' is not installed")
from ros2_nodes.commanding.urdf_arm import UrdfArm

URDF = Path(__file__).parent / "robots" / "six_joints.urdf"
JOINTS = ["pan", "lift", "elbow", "bend_1", "bend_2", "bend_3"]
HOME = np.array([0.3, -1.2, 1.6, -0.4, 0.5, 0.2])
CHAIN = [  # offset of each joint in metres, its axis
    ((0, 0, 0.16), "z"), ((0, 0.13, 0), "y"), ((0.42, 0, 0), "y"),
    ((0.39, 0, 0), "y"), ((0, -0.1, 0), "z"), ((0, 0, -0.1), "x"),
]  # fmt: skip


@pytest.fixture(scope="module")
def arm() -> UrdfArm:
    return UrdfArm(URDF, "base_link", "tool", JOINTS, np.full(6, -3.0), np.full(6, 3.0))


def by_hand(joints: np.ndarray) -> np.ndarray:
    pose = np.eye(4)
    for (offset, axis), angle in zip(CHAIN, joints, strict=True):
        step = np.eye(4)
        step[:3, 3], step[:3, :3] = offset, Rotation.from_euler(axis, angle).as_matrix()
        pose = pose @ step
    last = np.eye(4)
    last[:3, 3], last[:3, :3] = (0.1, 0, 0), Rotation.from_euler("y", 1.5708).as_matrix()
    return pose @ last


angles = st.lists(st.floats(-2.5, 2.5), min_size=6, max_size=6).map(np.array)


@settings(max_examples=40, deadline=None)
@given(angles)
def test_forward_is_the_chain_of_the_file(joints):
    arm = UrdfArm(URDF, "base_link", "tool", JOINTS, np.full(6, -3.0), np.full(6, 3.0))
    assert np.allclose(arm.forward(joints[None])[0], by_hand(joints), atol=1e-9)


def test_the_inverse_follows_a_path_closely_and_smoothly(arm):
    swing = 0.4 * np.sin(np.linspace(0.0, 2.0, 30))[:, None] * np.array([1.0, 0.5, -0.7, 0.6, -0.4, 0.8])
    wanted = arm.forward(HOME + swing)
    joints, distance_m, angle_rad = arm.inverse(wanted, HOME)
    assert distance_m.max() < 1e-4 and angle_rad.max() < 1e-3
    assert np.allclose(arm.forward(joints)[:, :3, 3], wanted[:, :3, 3], atol=1e-4)
    assert np.abs(np.diff(joints, axis=0)).max() < 0.06


def test_what_cannot_be_reached_is_told_and_joint_limits_hold(arm):
    far = by_hand(HOME)
    far[:3, 3] = (2.0, 0.0, 0.5)
    joints, distance_m, _ = arm.inverse(far[None], HOME)
    assert distance_m[0] > 0.5 and (np.abs(joints) <= 3.0 + 1e-6).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("<robot name='r'><link name='a'/>", "cannot read the URDF"),
        ("<sdf/>", "is no URDF"),
        ("<robot name='r'><link name='a'/><link name='b'/></robot>", "one root link, but it has a, b"),
    ],
)
def test_a_broken_file_is_refused_in_one_sentence(tmp_path, content, words):
    broken = tmp_path / "broken.urdf"
    broken.write_text(content)
    with pytest.raises(UsageError, match=words):
        UrdfArm(broken, "a", "b", ["j"], np.zeros(1), np.ones(1))


def test_a_link_or_joint_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"has no missing_joint, missing_link; it has the links .*shoulder"):
        UrdfArm(URDF, "base_link", "missing_link", ["pan", "missing_joint"], np.zeros(2), np.ones(2))
