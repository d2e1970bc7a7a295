"""Messages to records and back, asserted inside a ROS: ``python check_conversions.py`` prints what it checked."""

import sys
from array import array
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped
from sensor_msgs.msg import CompressedImage, Image, JointState
from std_msgs.msg import Float32, Float64

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk
from cosmos_policy_interfaces.msg import CommandRows
from ros2_nodes.commanding import records
from ros2_nodes.conversions.chunks import ChunkWriter, from_rows, from_state, to_rows
from ros2_nodes.conversions.commands import JOIN_S, to_message
from ros2_nodes.conversions.images import from_image, to_image
from ros2_nodes.conversions.message_types import message_class
from ros2_nodes.conversions.stamps import to_duration, to_stamp
from ros2_nodes.conversions.transforms import put_transforms
from ros2_nodes.nodes import policy_node, record_node, world_model_node
from ros2_nodes.observing.messages import READERS, seconds_of
from ros2_nodes.observing.transforms import TransformTree

STAMP_S = 1_700_000_000.25
TURN = np.array([0.0, 0.0, np.sin(0.3), np.cos(0.3)])


def refusal(call, *arguments):
    try:
        call(*arguments)
    except UsageError as error:
        return str(error)
    raise AssertionError("nothing was refused")


def check_times():
    assert seconds_of(to_stamp(STAMP_S)) == STAMP_S
    assert (to_duration(1.9999999999).sec, to_duration(1.9999999999).nanosec) == (2, 0)


def check_samples():
    image = Image(height=2, width=2, encoding="mono8", step=3, data=array("B", range(6)))
    image.header.stamp, image.header.frame_id = to_stamp(STAMP_S), "eye"
    sample = READERS["sensor_msgs/msg/Image"](image, 0.0)
    assert (sample.stamp_s, sample.frame_id, sample.step, sample.data.tolist()) == (STAMP_S, "eye", 3, list(range(6)))
    small = CompressedImage(format="jpeg", data=array("B", [1, 2]))
    assert READERS["sensor_msgs/msg/CompressedImage"](small, 0.0).data == b"\1\2"
    joints = READERS["sensor_msgs/msg/JointState"](JointState(name=["b", "a"], position=array("d", [1.0, 2.0])), 0.0)
    assert joints.names == ("b", "a") and joints.positions.tolist() == [1.0, 2.0]
    pose = PoseStamped()
    pose.pose.position.y, pose.pose.orientation.w = 2.0, 1.0
    sample = READERS["geometry_msgs/msg/PoseStamped"](pose, 0.0)
    assert sample.position.tolist() == [0, 2, 0] and sample.quaternion_xyzw.tolist() == [0, 0, 0, 1]
    for kind in (Float32, Float64):
        sample = READERS[f"std_msgs/msg/{kind.__name__}"](kind(data=0.5), STAMP_S)
        assert (sample.stamp_s, sample.value) == (STAMP_S, 0.5)


def check_transforms():
    link = TransformStamped()
    message = SimpleNamespace(transforms=[link])  # as tf2_msgs/TFMessage
    link.header.frame_id, link.child_frame_id, link.header.stamp = "base", "tool", to_stamp(STAMP_S)
    link.transform.translation.x, link.transform.rotation.w = 0.5, 1.0
    tree = TransformTree()
    put_transforms(tree, message, static=False)
    found = tree.lookup("base", "tool", 0.0)
    assert found.stamp_s == STAMP_S and np.allclose(found.position, [0.5, 0, 0])


def check_images():
    frame = np.random.default_rng(0).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    message = to_image(frame, STAMP_S, "eye")
    assert (from_image(message, "it") == frame).all() and message.step == 18
    message.encoding = "bgr8"
    assert (from_image(message, "it") == frame[..., ::-1]).all()
    message.encoding = "16UC1"
    assert refusal(from_image, message, "frame 3").startswith("frame 3: ")


def check_commands():
    times = np.arange(1, 26) * 0.02
    rows = np.column_stack([times, -times])
    speeds = np.ones_like(rows)
    speeds[-1] = 0
    arm = records.JointTrajectoryCommand("arm", ("a", "b"), times, rows, speeds)
    told = to_message(arm, STAMP_S)
    starts = [point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in told.points]
    assert told.joint_names == ["a", "b"] and seconds_of(told.header.stamp) == 0
    assert np.isclose(starts[0], JOIN_S) and np.isclose(starts[-1], 0.5) and (np.diff(starts) > 0).all()
    assert np.allclose(told.points[0].positions, [JOIN_S, -JOIN_S]) and set(told.points[-1].velocities) == {0.0}
    timed = to_message(replace(arm, past_s=0.1), STAMP_S)
    assert np.isclose(seconds_of(timed.header.stamp), STAMP_S - 0.1) and len(timed.points) == 25
    short = records.JointTrajectoryCommand("arm", ("a", "b"), times[:2], rows[:2], speeds[-2:])
    assert len(to_message(short, STAMP_S).points) == 1  # the last point is always sent
    assert to_message(records.StreamedPositions("arm", ("a",), np.array([0.3])), STAMP_S).data.tolist() == [0.3]
    pose = to_message(records.PoseCommand("arm", "base", np.array([1.0, 2, 3]), TURN), STAMP_S)
    assert (pose.header.frame_id, pose.pose.position.z) == ("base", 3.0)
    assert np.isclose(pose.pose.orientation.z, TURN[2]) and seconds_of(pose.header.stamp) == STAMP_S
    twist = to_message(records.TwistCommand("arm", "base", np.array([1.0, 0, 0]), np.array([0, 0, 2.0])), STAMP_S)
    assert (twist.twist.linear.x, twist.twist.angular.z) == (1.0, 2.0)
    path = to_message(
        records.PathCommand("path", "map", np.array([0.1, 0.2]), np.eye(3)[:2], np.stack([TURN, TURN])), STAMP_S
    )
    assert [round(seconds_of(one.header.stamp) - STAMP_S, 6) for one in path.poses] == [0.1, 0.2]
    assert path.poses[1].pose.position.y == 1.0
    number = records.GripperCommand("gripper", "gripper_number", 0.04, None, None)
    assert to_message(number, STAMP_S).data == 0.04
    finger = to_message(records.GripperCommand("gripper", "gripper_trajectory", 0.04, None, "finger"), STAMP_S)
    assert finger.joint_names == ["finger"] and list(finger.points[0].positions) == [0.04]


def check_chunks():
    robot = embodiments.get("droid_joint")
    unified = np.arange(16.0).reshape(2, 8)
    commands = {"joint_position": unified[:, :7], "gripper_position": unified[:, 7]}
    chunk = ActionChunk(unified.astype(np.float32), unified, commands, 1 / 15, STAMP_S, STAMP_S + 2 / 15)
    told = ChunkWriter(robot)(chunk, number=3, instruction="go", prefix_length=1, inference_ms=5.0)
    assert (told.number, told.num_actions, told.prefix_length, len(told.action_names)) == (3, 2, 1, 8)
    assert [(rows.name, rows.unit, rows.width) for rows in told.commands] == [
        ("joint_position", "rad", 7),
        ("gripper_position", "1", 1),
    ]
    assert (from_rows(told.commands[0], "it") == unified[:, :7]).all()
    assert "rows of 0" in refusal(from_rows, CommandRows(values=[1.0]), "it")
    state = from_state([to_rows("joint_position", np.arange(7.0)[None])], robot)
    assert state["joint_position"].shape == (7,)
    assert "reads no state" in refusal(from_state, [to_rows("elbow", np.ones((1, 1)))], robot)
    assert "expected the shape" in refusal(from_state, [to_rows("joint_position", np.ones((1, 6)))], robot)


def check_imports():
    assert all(module.main for module in (policy_node, record_node, world_model_node))
    assert "torch" not in sys.modules
    assert "apt install ros-$ROS_DISTRO-no-such-msgs" in refusal(message_class, "no_such_msgs/msg/Thing")


if __name__ == "__main__":
    for name, check in sorted(globals().copy().items()):
        if name.startswith("check_"):
            check()
            print(name)
