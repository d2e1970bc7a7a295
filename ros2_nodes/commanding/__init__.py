"""From motions to what the robot is sent: axes, kinematics, and the records of every kind of output."""

from ros2_nodes.commanding.records import (
    Command,
    GripperCommand,
    JointTrajectoryCommand,
    PathCommand,
    PoseCommand,
    StreamedPositions,
    TwistCommand,
)

__all__ = [
    "Command",
    "GripperCommand",
    "JointTrajectoryCommand",
    "PathCommand",
    "PoseCommand",
    "StreamedPositions",
    "TwistCommand",
]
