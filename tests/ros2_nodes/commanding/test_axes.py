"""Axes: commands there and back, charts that move with the motion, and tool poses on an arm that takes joints."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation
from simulated_world import droid_contract

from ros2_nodes.commanding.axes import Axes, ChunkRefused
from ros2_nodes.commanding.axes.poses import right_jacobian, rotation_vectors
from ros2_nodes.contract import RobotContract
from ros2_nodes.execution import Motion, Start, TimeLaw
from ros2_nodes.execution import Path as MotionPath
from ros2_nodes.reasons import Reason

vectors = st.lists(st.floats(-1.5, 1.5), min_size=3, max_size=3).map(np.array)


def pose_contract(kind: str = "pose") -> RobotContract:
    content = droid_contract().model_dump(exclude={"folder"})
    timed = {"role": "state", "topic": "/tool", "max_age_ms": 100, "max_skew_ms": 100}
    content["streams"].pop("gripper_position")
    content["streams"].pop("joint_position")
    content["streams"]["cartesian_position"] = {
        **timed, "type": "geometry_msgs/msg/PoseStamped", "encoding": "xyz_euler_xyz", "frame": "base",
    }  # fmt: skip
    content["embodiment"] = "droid"
    content["outputs"]["arm"] = {
        "kind": kind, "topic": "/arm", "command": "end_effector", "frame": "base", "measured_by": "cartesian_position",
    }  # fmt: skip
    content["limits"]["arm"] = {
        "of": "pose", "workspace": {"lower": [-1, -1, -1], "upper": [1, 1, 1]}, "velocity": 1.0, "acceleration": 10.0,
        "jerk": 500.0, "angular_velocity": 3.0, "angular_acceleration": 30.0, "angular_jerk": 2000.0,
    }  # fmt: skip
    return RobotContract.model_validate(content)


def tool_contract(**workspace) -> RobotContract:
    content = droid_contract().model_dump(exclude={"folder"})
    joints = ["pan", "lift", "elbow", "bend_1", "bend_2", "bend_3"]
    content["streams"]["arm_joints"] = {
        **content["streams"].pop("joint_position"),
        "role": "feedback",
        "joints": joints,
    }
    content["outputs"]["arm"] = {
        "kind": "joint_trajectory", "topic": "/arm", "command": "end_effector", "joints": joints,
        "measured_by": "arm_joints", "kinematics": {"urdf": "six_joints.urdf", "base": "base_link", "tool": "tool"},
    }  # fmt: skip
    content["limits"]["arm"] |= {"lower": [-3.0], "upper": [3.0], **workspace}
    return RobotContract.model_validate({**content, "folder": Path(__file__).parent / "robots"})


@given(vectors, vectors)
def test_the_right_jacobian_is_the_derivative_of_the_turn(vector, rate):
    step = 1e-6
    before, after = Rotation.from_rotvec(vector), Rotation.from_rotvec(vector + step * rate)
    measured = (before.inv() * after).as_rotvec() / step
    assert np.allclose(right_jacobian(vector) @ rate, measured, atol=1e-4)
    assert np.linalg.norm(right_jacobian(vector) @ rate) <= np.linalg.norm(rate) + 1e-9


def test_turns_beyond_half_a_turn_do_not_leap():
    angles = np.linspace(0.0, 5.5, 60)
    turned = Rotation.from_rotvec(angles[:, None] * np.array([0.0, 0.6, 0.8])).as_matrix()
    assert np.allclose(rotation_vectors(turned, np.eye(3)), angles[:, None] * np.array([0.0, 0.6, 0.8]), atol=1e-9)


def test_pose_commands_go_there_and_back():
    axes = Axes(pose_contract())
    turned = Rotation.from_rotvec(np.array([[0.1, 0.2, -0.3], [0.2, 0.1, -0.5]]))
    told = {
        "end_effector_position": np.array([[0.4, 0.1, 0.2], [0.5, 0.0, 0.3]]),
        "end_effector_quaternion_xyzw": turned.as_quat(),
    }
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = Rotation.from_rotvec([0.0, 0.3, 0.1]).as_matrix(), (0.4, 0.1, 0.2)
    charts = axes.charts({"cartesian_position": pose})
    assert np.allclose(axes.measured({"cartesian_position": pose}, charts), [0.4, 0.1, 0.2, 0, 0, 0], atol=1e-12)
    back = axes.to_commands(axes.from_commands(told, np.zeros(6), charts, 2), charts)
    assert np.allclose(back["end_effector_position"], told["end_effector_position"])
    same = np.abs((back["end_effector_quaternion_xyzw"] * told["end_effector_quaternion_xyzw"]).sum(-1))
    assert np.allclose(same, 1.0, atol=1e-12)


@settings(deadline=None, max_examples=30)
@given(vectors, st.floats(0.1, 0.9))
def test_a_moved_chart_keeps_the_turn_its_rate_and_its_change(turn, when):
    axes = Axes(pose_contract())
    knots = np.linspace(0.0, 1.0, 6)
    rows = np.concatenate(
        [np.outer(knots, [0.1, 0.2, 0.0]), np.outer(knots, [0.4, -0.9, 0.2]) + np.outer(knots**2, turn)], axis=1
    )
    motion = Motion(MotionPath(knots, rows, Start.at_rest(rows[0])), TimeLaw(2.0, 0.1), (np.eye(3),))
    start, charts = axes.take_over(motion, when)
    assert np.allclose(start.position[3:], 0.0)
    step = 1e-3
    around = motion.at(when + step * np.array([-1.0, 0.0, 1.0])).position
    turned = charts[0].T @ Rotation.from_rotvec(around[:, 3:]).as_matrix()
    seen = Rotation.from_matrix(turned).as_rotvec()
    assert np.allclose(seen[1], 0.0, atol=1e-9)
    assert np.allclose((seen[2] - seen[0]) / (2 * step), start.velocity[3:], atol=1e-3)
    assert np.allclose((seen[2] - 2 * seen[1] + seen[0]) / step**2, start.acceleration[3:], atol=2e-2)
    moved = axes.moved_positions(around, motion.chart, charts)
    assert np.allclose(moved[:, 3:], seen, atol=1e-9)


def test_several_outputs_stand_one_after_the_other():
    axes = Axes(droid_contract())
    assert axes.columns("arm") == slice(0, 7) and axes.command_names == ("joint_position",)
    told = {"joint_position": np.arange(14.0).reshape(2, 7)}
    positions = axes.from_commands(told, np.zeros(7), (None,), 2)
    assert np.array_equal(axes.to_commands(positions, (None,))["joint_position"], told["joint_position"])


def test_joints_of_the_robot_are_picked_by_name_in_the_outputs_order():
    contract = droid_contract()
    swapped = contract.outputs["arm"].model_copy(update={"joints": contract.outputs["arm"].joints[::-1]})
    axes = Axes(contract.model_copy(update={"outputs": {**contract.outputs, "arm": swapped}}))
    assert np.array_equal(axes.measured({"joint_position": np.arange(7.0)}, (None,)), np.arange(7.0)[::-1])


def test_tool_poses_become_joints_and_refuse_what_cannot_be_reached():
    pytest.importorskip("mink", reason="the extra 'kinematics' is not installed")
    axes = Axes(tool_contract(workspace={"lower": [-1, -1, 0.05], "upper": [1, 1, 1]}))
    home = np.array([0.3, -1.2, 1.6, -0.4, 0.5, 0.2])
    path = home + np.linspace(0.0, 0.2, 8)[:, None]
    told = axes.to_commands(path, (None,))
    joints = axes.from_commands(told, home, (None,), 8)
    assert np.abs(joints - path).max() < 2e-3
    assert axes.causes(path, (None,)) == ()
    low = axes.causes(home[None] + np.array([[0, 1.6, 0, 0, 0, 0]]), (None,))
    assert low and low[0].reason is Reason.WORKSPACE_LIMIT and "in z" in low[0].detail
    told["end_effector_position"] = told["end_effector_position"] + np.array([2.0, 0.0, 0.0])
    with pytest.raises(ChunkRefused) as refused:
        axes.from_commands(told, home, (None,), 8)
    assert refused.value.cause.reason is Reason.UNREACHABLE and "action 0" in refused.value.cause.detail
