"""The blocks of a robot file: each builds the block of the same kind."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
from pydantic import Field, field_validator, model_validator

from embodiments import blocks
from embodiments.columns import Field as Quantity
from embodiments.errors import EmbodimentError
from embodiments.pose_sources import ChainPose, HandPose, JointField, PoseMatrix, PoseParts, PoseSource, PoseVector
from embodiments.robot_file.frames import Frame, Link, Matrix3, Representation, Strict, build_chain

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class VectorSource(Strict):
    """Position and rotation in one vector of the robot's data."""

    form: Literal["vector"]
    quantity: Name
    rotation: Representation
    length_unit: Literal["m", "cm", "mm"]
    angle_unit: Literal["rad", "deg"] = "rad"

    def build(self) -> PoseSource:
        return PoseVector(
            self.quantity,
            self.rotation,
            length_unit=self.length_unit,
            angle_unit=self.angle_unit,
        )


class PartsSource(Strict):
    """Position (m) and rotation in two vectors."""

    form: Literal["parts"]
    position: Name
    rotation: Name
    representation: Representation

    def build(self) -> PoseSource:
        return PoseParts(self.position, self.rotation, self.representation)


class MatrixSource(Strict):
    """A body-to-world 4x4 matrix, position in metres."""

    form: Literal["matrix"]
    quantity: Name

    def build(self) -> PoseSource:
        return PoseMatrix(self.quantity)


class JointsSource(Strict):
    """Forward kinematics of joint positions (rad), commanded or observed."""

    form: Literal["joints"]
    quantity: Name
    role: Literal["command", "state"]
    links: list[Link]

    def build(self) -> PoseSource:
        chain = build_chain(self.links, self.quantity)
        count = len(chain.joint_names)
        joints = Quantity(
            self.quantity, self.role, (count,), "rad", "joint positions", chain.low, chain.high, swing=0.02
        )
        return ChainPose(chain, (JointField(joints, tuple(range(count))),))


class HandSource(Strict):
    """The wrist of a tracked hand: 21 joints in the frame of a moving camera (positions m, quaternions xyzw, flat)."""

    form: Literal["hand"]
    camera_position: Name
    camera_rotation: Name
    joint_positions: Name
    joint_rotations: Name

    def build(self) -> PoseSource:
        camera = PoseParts(self.camera_position, self.camera_rotation, "quaternion_xyzw")
        # An open hand for examples: tips 15 cm from the wrist, 2 cm apart.
        tips = np.stack([np.linspace(-0.04, 0.04, 5), np.zeros(5), np.full(5, 0.15)], axis=1)
        return HandPose(camera, self.joint_positions, self.joint_rotations, tips)


class Pose(Strict):
    """A pose block: nine columns."""

    kind: Literal["pose"]
    name: Name
    source: Annotated[
        VectorSource | PartsSource | MatrixSource | JointsSource | HandSource, Field(discriminator="form")
    ]
    tool_offset: Frame = Frame()
    to_opencv: Matrix3 = Field(default_factory=lambda: np.eye(3).tolist())
    model_frame: str = ""
    column_prefix: str = ""

    @field_validator("to_opencv")
    @classmethod
    def _turns_only(cls, rows: Matrix3) -> Matrix3:
        matrix = np.array(rows)
        if not np.allclose(matrix @ matrix.T, np.eye(3), atol=1e-6) or np.linalg.det(matrix) < 0.0:
            raise ValueError("these rows are no rotation: they must be orthonormal, with determinant +1")
        return rows

    def build(self, built: dict[str, blocks.Block]) -> blocks.Block:
        return blocks.PoseBlock(
            self.name,
            source=self.source.build(),
            tool_offset=self.tool_offset.build(),
            to_opencv=np.array(self.to_opencv),
            model_frame=self.model_frame,
            column_prefix=self.column_prefix,
        )


class RobotEnds(Strict):
    """The number of an open and of a closed gripper, and its unit. No default: this is what goes wrong in silence."""

    open: float
    closed: float
    unit: Literal["share", "percent", "m", "cm", "mm", "rad", "deg"]


class ModelEnds(Strict):
    """The same in the model's column: a share, or metres of opening."""

    open: float
    closed: float
    unit: Literal["share", "m"] = "share"


class Gripper(Strict):
    """A gripper block: one column."""

    kind: Literal["gripper"]
    name: Name
    role: Literal["command", "state"]
    quantity: Name = "gripper_position"
    robot: RobotEnds
    model: ModelEnds = ModelEnds(open=1.0, closed=0.0)
    column_prefix: str = ""

    @model_validator(mode="after")
    def _ends_differ(self) -> Gripper:
        for whose, ends in (("robot", self.robot), ("model", self.model)):
            if ends.open == ends.closed:
                raise ValueError(f"the {whose}'s open and closed are both {ends.open:g}; they must differ")
        return self

    def build(self, built: dict[str, blocks.Block]) -> blocks.Block:
        robot_unit, model_unit = ("1" if ends.unit == "share" else ends.unit for ends in (self.robot, self.model))
        value_map = blocks.GripperMap(
            self.robot.open, self.robot.closed, self.model.open, self.model.closed, robot_unit, model_unit
        )
        return blocks.GripperBlock(
            self.name,
            role=self.role,
            quantity=self.quantity,
            value_map=value_map,
            column_prefix=self.column_prefix,
        )


class Joints(Strict):
    """Absolute joint positions: a column a joint. `low` and `high` are the limits, in `angle_unit`."""

    kind: Literal["joints"]
    name: Name
    quantity: Name = "joint_position"
    low: list[float]
    high: list[float]
    angle_unit: Literal["rad", "deg"]
    column_prefix: str = ""

    @model_validator(mode="after")
    def _limits(self) -> Joints:
        if len(self.low) != len(self.high) or not self.low:
            raise ValueError(
                f"low and high must have one number a joint, but have {len(self.low)} and {len(self.high)}"
            )
        if any(low >= high for low, high in zip(self.low, self.high, strict=True)):
            raise ValueError(f"every low must be below its high, but low is {self.low} and high {self.high}")
        return self

    def build(self, built: dict[str, blocks.Block]) -> blocks.Block:
        return blocks.joints_block(
            self.name, self.quantity, np.array(self.low), np.array(self.high), self.column_prefix, self.angle_unit
        )


class Fingertips(Strict):
    """Five tips in the frame of a wrist: fifteen columns. `wrist` is a pose block above with the source "hand"."""

    kind: Literal["fingertips"]
    name: Name
    wrist: Name
    column_prefix: str = ""

    def build(self, built: dict[str, blocks.Block]) -> blocks.Block:
        wrist = built.get(self.wrist)
        if not isinstance(wrist, blocks.PoseBlock):
            raise EmbodimentError(
                f"the fingertips {self.name!r} name the wrist {self.wrist!r}, but the pose blocks above are "
                f"{', '.join(name for name, block in built.items() if isinstance(block, blocks.PoseBlock)) or 'none'}"
            )
        return blocks.FingertipsBlock(self.name, wrist=wrist, column_prefix=self.column_prefix)


AnyBlock = Annotated[Pose | Gripper | Joints | Fingertips, Field(discriminator="kind")]
