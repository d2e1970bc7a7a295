"""What the robot takes."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from ros2_nodes.contract.base import Name, Part, Positive, QoS, Topic


class Kinematics(Part):
    """How a chunk of tool poses becomes joints: differential inverse kinematics on the robot's URDF."""

    urdf: Name
    """Path, relative to the contract; meshes are not read."""
    base: Name
    """The link in whose frame the poses are."""
    tool: Name
    """The link whose poses they are."""
    max_position_error_m: Positive = 0.002
    max_rotation_error_rad: Positive = 0.02
    """A row whose joints miss the pose by more than this is refused with the whole chunk."""


class Sent(Part):
    """A topic that commands go out on."""

    topic: Topic
    qos: QoS = "reliable"


class JointOutput(Sent):
    """joint_trajectory: JointTrajectory, the whole remaining horizon, for a JointTrajectoryController.
    joint_positions: Float64MultiArray, one row at the output rate, for a forward position controller.
    timing, of trajectories: "stamped" says when each point is due, by the clock of stamps, so that a late message
    changes nothing; the controller has to share that clock and keep its pace. "on_arrival" carries no stamp: the
    controller begins when the message arrives."""

    kind: Literal["joint_trajectory", "joint_positions"]
    command: Name
    """The decoded command: joint positions [T, n]; with `kinematics` a pose (see :class:`PoseOutput`)."""
    joints: Annotated[list[Name], Field(min_length=1)]
    measured_by: Name
    """The stream that measures these joints."""
    unit: Literal["rad", "deg"] = "rad"
    """Of the decoded command; ROS is sent rad."""
    kinematics: Kinematics | None = None
    timing: Literal["stamped", "on_arrival"] | None = None
    """Of joint_trajectory, which is stamped where nothing is said."""

    @property
    def stamped(self) -> bool:
        return self.kind == "joint_trajectory" and self.timing != "on_arrival"

    @model_validator(mode="after")
    def _timed(self) -> JointOutput:
        if self.kind != "joint_trajectory" and self.timing is not None:
            raise ValueError(f"timing belongs to joint_trajectory; {self.kind} are always for now")
        return self


class PoseOutput(Sent):
    """pose: PoseStamped at the output rate. twist: TwistStamped at the output rate (MoveIt Servo), same frame."""

    kind: Literal["pose", "twist"]
    command: Name
    """The pose's name: `<command>_position` [T, 3] m and `<command>_quaternion_xyzw` [T, 4] of the decoded commands."""
    frame: Name
    """The frame that poses and twists are expressed in."""
    measured_by: Name
    """The stream that measures this pose."""


class PathOutput(Sent):
    """path: nav_msgs/Path, the rest of the chunk, for a controller that follows paths (a car). Its points are checked
    against the limits and refused, never changed: the follower knows the vehicle's speed."""

    kind: Literal["path"]
    command: Name
    """The pose's name, as in :class:`PoseOutput`."""
    frame: Name


class Gripper(Sent):
    """gripper_number: Float64. gripper_trajectory: JointTrajectory of `joint`. gripper_action: GripperCommand action.
    open, closed: what the embodiment's command means; robot_open, robot_closed: what the robot is sent."""

    kind: Literal["gripper_number", "gripper_trajectory", "gripper_action"]
    command: Name
    open: float
    closed: float
    robot_open: float
    robot_closed: float
    joint: Name | None = None
    """Of gripper_trajectory."""
    max_effort: Positive | None = None
    """Of gripper_action, N."""

    @model_validator(mode="after")
    def _complete(self) -> Gripper:
        for name, kind in (("joint", "gripper_trajectory"), ("max_effort", "gripper_action")):
            if (getattr(self, name) is not None) != (self.kind == kind):
                raise ValueError(f"{name} belongs to {kind}, which needs it, and to no other kind")
        if self.open == self.closed or self.robot_open == self.robot_closed:
            raise ValueError("a gripper's open and closed values must differ")
        return self

    def to_robot(self, command: float) -> float:
        """The robot's number for the embodiment's; beyond both ends it stays at the end."""
        share = min(max((command - self.closed) / (self.open - self.closed), 0.0), 1.0)
        return self.robot_closed + share * (self.robot_open - self.robot_closed)


Output = Annotated[JointOutput | PoseOutput | PathOutput | Gripper, Field(discriminator="kind")]
