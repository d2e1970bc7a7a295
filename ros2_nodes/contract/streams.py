"""What the robot sends: cameras, joints, tool poses, grippers and the instruction."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ros2_nodes.contract.base import Name, Part, Positive, QoS, Topic

ImageEncoding = Literal["rgb8", "bgr8", "mono8", "rgba8", "bgra8"]
PoseEncoding = Literal[
    "xyz_euler_xyz", "xyz_quaternion_xyzw", "xyz_quaternion_wxyz", "matrix", "xyz", "quaternion_xyzw"
]
"""How a pose is written into the state: [6] (m, rad), [7], [7], [4, 4], position alone [3], orientation alone [4]."""

JOINT_STATE = "sensor_msgs/msg/JointState"
POSE = "geometry_msgs/msg/PoseStamped"
TRANSFORMS = "tf2_msgs/msg/TFMessage"


class Timed(Part):
    """A stream whose newest message is sampled at every tick."""

    topic: Topic
    qos: QoS = "sensor_data"
    max_age_ms: Positive
    """Older than this at the tick, the whole observation is refused."""
    max_skew_ms: Positive
    """Farther than this from the newest of all sampled streams, the whole observation is refused."""


class ViewStream(Timed):
    """A camera. The stream's name is that of the embodiment's view."""

    role: Literal["view"]
    type: Literal["sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"]
    size: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=2)]
    """Height and width, pixels; an image of any other size is refused."""
    encoding: ImageEncoding | None = None
    """Of raw images; an image that says another one is refused."""
    frame: Name | None = None
    """The header's frame_id, where it is to be checked."""

    @model_validator(mode="after")
    def _encoding(self) -> ViewStream:
        if (self.encoding is None) == self.type.endswith("/Image"):
            raise ValueError("encoding belongs to sensor_msgs/msg/Image, which needs it, and to no other type")
        return self


class StateStream(Timed):
    """Joints or a pose. `role` "state": the stream's name is that of the embodiment's state quantity. "feedback": the
    model does not see it, an output is measured by it."""

    role: Literal["state", "feedback"]
    type: Literal["sensor_msgs/msg/JointState", "geometry_msgs/msg/PoseStamped", "tf2_msgs/msg/TFMessage"]
    joints: Annotated[list[Name], Field(min_length=1)] | None = None
    """Of JointState: the joints' names in the order of the state quantity; the message may hold more, in any order."""
    unit: Literal["rad", "deg"] = "rad"
    """Of the state quantity's angles; ROS sends rad (REP 103), "deg" converts."""
    encoding: PoseEncoding | None = None
    """Of poses: how the embodiment writes them."""
    frame: Name | None = None
    """Of poses: the frame they are expressed in. A PoseStamped that says another one is refused; of TF, the parent."""
    child_frame: Name | None = None
    """Of TF: the frame whose pose is looked up."""

    @property
    def is_pose(self) -> bool:
        return self.type != JOINT_STATE

    @model_validator(mode="after")
    def _complete(self) -> StateStream:
        needed = {
            JOINT_STATE: {"joints"},
            POSE: {"encoding", "frame"},
            TRANSFORMS: {"encoding", "frame", "child_frame"},
        }
        for name in ("joints", "encoding", "frame", "child_frame"):
            given, wanted = getattr(self, name) is not None, name in needed[self.type]
            if given != wanted:
                raise ValueError(f"a stream of {self.type} {'needs' if wanted else 'takes no'} {name}")
        if self.unit == "deg" and self.is_pose and self.encoding != "xyz_euler_xyz":
            raise ValueError(f"deg means nothing for poses that are written as {self.encoding}")
        if self.joints is not None and len(set(self.joints)) != len(self.joints):
            raise ValueError(f"joints must have names of their own, but they are {', '.join(self.joints)}")
        return self


class GripperStream(Timed):
    """A gripper, a number [1]. measured_open, measured_closed: what the robot sends at both ends; open, closed: what
    the embodiment means by them. Between them the straight line."""

    role: Literal["gripper"]
    type: Literal["sensor_msgs/msg/JointState", "std_msgs/msg/Float64", "std_msgs/msg/Float32"]
    joint: Name | None = None
    """Of JointState: the joint's name."""
    measured_open: float
    measured_closed: float
    open: float
    closed: float
    feedback_only: bool = False
    """True where the embodiment has no such state and the number is only published and recorded."""

    @model_validator(mode="after")
    def _complete(self) -> GripperStream:
        if (self.joint is None) == (self.type == JOINT_STATE):
            raise ValueError(f"joint belongs to {JOINT_STATE}, which needs it, and to no other type")
        if self.measured_open == self.measured_closed or self.open == self.closed:
            raise ValueError("a gripper's open and closed values must differ")
        return self

    def to_state(self, measured: float) -> float:
        """The embodiment's number for what the robot measures."""
        share = (measured - self.measured_closed) / (self.measured_open - self.measured_closed)
        return self.closed + share * (self.open - self.closed)


class InstructionStream(Part):
    """What the robot is told to do. It has no age: it holds until another one comes."""

    role: Literal["instruction"]
    type: Literal["std_msgs/msg/String"] = "std_msgs/msg/String"
    topic: Topic
    qos: QoS = "latched"


Stream = Annotated[ViewStream | StateStream | GripperStream | InstructionStream, Field(discriminator="role")]

__all__ = [
    "JOINT_STATE",
    "POSE",
    "TRANSFORMS",
    "GripperStream",
    "ImageEncoding",
    "InstructionStream",
    "PoseEncoding",
    "StateStream",
    "Stream",
    "Timed",
    "ViewStream",
]
