"""Nine columns a pose: the framewise motion of a tool, a camera or a wrist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embodiments import poses, rotations
from embodiments.blocks.base import Block, Decoding
from embodiments.columns import Column, Field
from embodiments.pose_sources import PoseSource
from embodiments.reading import Reader


@dataclass(frozen=True, eq=False)
class PoseBlock(Block):
    """Framewise deltas of one pose: translation (m) in the previous frame's axes, then rot6d.

    `source` reads the pose of the robot's own tool frame. The model sees that frame moved by `tool_offset` (4x4) and
    then re-labelled by `to_opencv` (3x3), both multiplied from the right:
    T_model = T_tool @ tool_offset @ to_opencv. A delta is a conjugation by this matrix: leaving it out changes every
    number of every delta.
    """

    source: PoseSource = field(kw_only=True)
    tool_offset: np.ndarray = field(kw_only=True, default_factory=poses.frame_change)
    to_opencv: np.ndarray = field(kw_only=True, default_factory=lambda: np.eye(3))
    column_prefix: str = field(kw_only=True, default="")
    model_frame: str = field(kw_only=True, default="")
    """A name for the model's frame, where it is a frame that commands are wanted for too (UMI: the end effector)."""

    @property
    def kind(self) -> str:
        return "pose"

    @cached_property
    def column_specs(self) -> tuple[Column, ...]:
        position = tuple(Column(f"{self.column_prefix}pos_{axis}", "position", "m") for axis in "xyz")
        return position + tuple(Column(f"{self.column_prefix}rot_{index}", "rotation", "1") for index in range(6))

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.source.fields

    @cached_property
    def tool_to_model(self) -> np.ndarray:
        """float64 [4, 4]: T_model = T_tool @ tool_to_model."""
        return self.tool_offset @ poses.frame_change(rotation=self.to_opencv)

    @cached_property
    def model_to_tool(self) -> np.ndarray:
        return np.linalg.inv(self.tool_to_model)

    def model_poses(self, reader: Reader) -> np.ndarray:
        """Poses of the model's frame, float64 [rows, 4, 4].

        A present state that lacks what the source reads (joints) may hold the tool's pose itself, under the names of
        this block's commands: an imagined robot is known by where its commands have put it, and by nothing else.
        """
        if reader.lacks_but_holds(self.source.fields, self.command_fields):
            position, quaternion = (reader.instants(field) for field in self.command_fields)
            tool = poses.make_poses(position, rotations.to_matrix(quaternion, "quaternion_xyzw"))
        else:
            tool = self.source.poses(reader)
        return tool @ self.tool_to_model

    def tool_poses(self, model_poses: np.ndarray) -> np.ndarray:
        """Poses of the robot's own tool frame, float64 [rows, 4, 4]."""
        return model_poses @ self.model_to_tool

    def encode(self, reader: Reader) -> np.ndarray:
        return poses.to_deltas(self.model_poses(reader))

    def encode_state(self, reader: Reader) -> np.ndarray:
        """Absolute position (m), then rot6d, of the model's frame in the robot's base frame."""
        pose = self.model_poses(reader)[0]
        return np.concatenate([pose[:3, 3], rotations.from_matrix(pose[:3, :3], "rot6d")])

    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """`<name>_position` [T, 3] m, `<name>_quaternion_xyzw` [T, 4], and the pose as the robot's own data hold it."""
        tool = decoding.tool_poses[self.name][1:]
        commands = {
            f"{self.name}_position": tool[:, :3, 3].copy(),
            f"{self.name}_quaternion_xyzw": decoding.tool_quaternions[self.name],
            **self.source.commands(tool),
        }
        if self.model_frame:
            model = decoding.model_poses[self.name][1:]
            commands[f"{self.model_frame}_position"] = model[:, :3, 3].copy()
            commands[f"{self.model_frame}_quaternion_xyzw"] = rotations.from_matrix(model[:, :3, :3], "quaternion_xyzw")
        return commands

    @cached_property
    def command_fields(self) -> tuple[Field, ...]:
        where = f"{self.name} in the frame that its poses are in"
        return (
            Field(f"{self.name}_position", "command", (3,), "m", f"{where}: xyz", -np.inf, np.inf),
            Field(f"{self.name}_quaternion_xyzw", "command", (4,), "1", f"{where}: xyzw", -1.0, 1.0),
        )

    def encode_commands(self, commands: Mapping[str, np.ndarray], tool_pose: np.ndarray | None) -> np.ndarray:
        position, quaternion = (commands[field.name] for field in self.command_fields)
        told = poses.make_poses(position, rotations.to_matrix(quaternion, "quaternion_xyzw"))
        return poses.to_deltas(np.concatenate([tool_pose[None], told]) @ self.tool_to_model)

    def present(self, reader: Reader) -> dict[str, np.ndarray]:
        return {name: values[0] for name, values in self.describe(self.source.poses(reader)).items()}

    def describe(self, tool: np.ndarray) -> dict[str, np.ndarray]:
        """Poses of the tool frame [T, 4, 4] as commands: position, quaternion, and the robot's own form of them."""
        return {
            f"{self.name}_position": tool[:, :3, 3].copy(),
            f"{self.name}_quaternion_xyzw": rotations.from_matrix(tool[:, :3, :3], "quaternion_xyzw"),
            **self.source.commands(tool),
        }
