"""The core's commands to messages of the robot's controllers."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np
from geometry_msgs.msg import Point, Pose, PoseStamped, Quaternion, TwistStamped, Vector3
from nav_msgs.msg import Path
from std_msgs.msg import Float64, Float64MultiArray, Header, MultiArrayDimension
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from ros2_nodes.commanding.records import (
    Command,
    GripperCommand,
    JointTrajectoryCommand,
    PathCommand,
    PoseCommand,
    StreamedPositions,
    TwistCommand,
)
from ros2_nodes.conversions.message_types import message_class
from ros2_nodes.conversions.stamps import to_duration, to_stamp

#: Output kind of a contract -> type of its message.
MESSAGE_OF = {
    "joint_trajectory": "trajectory_msgs/msg/JointTrajectory",
    "joint_positions": "std_msgs/msg/Float64MultiArray",
    "pose": "geometry_msgs/msg/PoseStamped",
    "twist": "geometry_msgs/msg/TwistStamped",
    "path": "nav_msgs/msg/Path",
    "gripper_number": "std_msgs/msg/Float64",
    "gripper_trajectory": "trajectory_msgs/msg/JointTrajectory",
    "gripper_action": "control_msgs/action/GripperCommand",
}
#: A controller joins a trajectory without a stamp with a cubic from where it is to the first point. A message that was
#: under way for another time than the last one has motion to make up for; with the first point this far off (s) it is
#: done gently.
JOIN_S = 0.1
#: How long a gripper's trajectory controller is given to get there.
GRIPPER_S = 0.2


def to_message(command: Command, stamp_s: float) -> Any:
    """The message of a command (a goal, for gripper actions). stamp_s: now, on the clock of message stamps."""
    return _WRITERS[type(command)](command, stamp_s)


def _joint_trajectory(command: JointTrajectoryCommand, stamp_s: float) -> JointTrajectory:
    first, header = 0, Header()
    if command.past_s is not None:
        header.stamp = to_stamp(stamp_s - command.past_s)
    else:
        # No stamp: the controller starts at once, on its own clock, whatever that says.
        first = min(int(np.searchsorted(command.times_s, JOIN_S)), len(command.times_s) - 1)
    points = [
        JointTrajectoryPoint(
            positions=array("d", position), velocities=array("d", velocity), time_from_start=to_duration(time_s)
        )
        for time_s, position, velocity in list(
            zip(command.times_s, command.positions, command.velocities, strict=True)
        )[first:]
    ]
    return JointTrajectory(header=header, joint_names=list(command.joint_names), points=points)


def _positions(command: StreamedPositions, stamp_s: float) -> Float64MultiArray:
    message = Float64MultiArray(data=array("d", command.positions))
    count = len(command.positions)
    message.layout.dim = [MultiArrayDimension(label="joint", size=count, stride=count)]
    return message


def _pose(command: PoseCommand, stamp_s: float) -> PoseStamped:
    return PoseStamped(
        header=_header(command.frame_id, stamp_s), pose=_to_pose(command.position, command.quaternion_xyzw)
    )


def _twist(command: TwistCommand, stamp_s: float) -> TwistStamped:
    message = TwistStamped(header=_header(command.frame_id, stamp_s))
    message.twist.linear, message.twist.angular = _vector(command.linear), _vector(command.angular)
    return message


def _path(command: PathCommand, stamp_s: float) -> Path:
    rows = zip(command.times_s, command.positions, command.quaternions_xyzw, strict=True)
    poses = [
        PoseStamped(header=_header(command.frame_id, stamp_s + time_s), pose=_to_pose(position, quaternion))
        for time_s, position, quaternion in rows
    ]
    return Path(header=_header(command.frame_id, stamp_s), poses=poses)


def _gripper(command: GripperCommand, stamp_s: float) -> Any:
    if command.kind == "gripper_number":
        return Float64(data=command.position)
    if command.kind == "gripper_trajectory":
        point = JointTrajectoryPoint(
            positions=array("d", [command.position]),
            velocities=array("d", [0.0]),
            time_from_start=to_duration(GRIPPER_S),
        )
        return JointTrajectory(joint_names=[command.joint_name], points=[point])
    goal = message_class(MESSAGE_OF["gripper_action"]).Goal()
    goal.command.position, goal.command.max_effort = command.position, command.max_effort
    return goal


_WRITERS: dict[type, Callable[[Any, float], Any]] = {
    JointTrajectoryCommand: _joint_trajectory,
    StreamedPositions: _positions,
    PoseCommand: _pose,
    TwistCommand: _twist,
    PathCommand: _path,
    GripperCommand: _gripper,
}


def _header(frame_id: str, stamp_s: float) -> Header:
    return Header(frame_id=frame_id, stamp=to_stamp(stamp_s))


def _vector(numbers: np.ndarray) -> Vector3:
    x, y, z = (float(number) for number in numbers)
    return Vector3(x=x, y=y, z=z)


def _to_pose(position: np.ndarray, quaternion_xyzw: np.ndarray) -> Pose:
    (x, y, z), (qx, qy, qz, qw) = map(float, position), map(float, quaternion_xyzw)
    return Pose(position=Point(x=x, y=y, z=z), orientation=Quaternion(x=qx, y=qy, z=qz, w=qw))
