"""Fifteen columns: five fingertips as points in the frame of their own wrist."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embodiments.blocks.base import Block, Decoding
from embodiments.blocks.pose import PoseBlock
from embodiments.columns import Column, Field
from embodiments.errors import EmbodimentError
from embodiments.pose_sources import HandPose
from embodiments.reading import Reader


@dataclass(frozen=True, eq=False)
class FingertipsBlock(Block):
    """Thumb to little finger, xyz each (m), at instants 1..T.

    Absolute points, no deltas, in the model's wrist frame of the SAME instant. `wrist` is the pose block of that wrist.
    """

    wrist: PoseBlock = field(kw_only=True)
    column_prefix: str = field(kw_only=True, default="")

    def __post_init__(self) -> None:
        if not isinstance(self.wrist.source, HandPose):
            raise EmbodimentError(
                f"the fingertips {self.name!r} need a wrist that is tracked with its hand (source HandPose), "
                f"but {self.wrist.name!r} comes from a {type(self.wrist.source).__name__}"
            )

    @property
    def kind(self) -> str:
        return "fingertips"

    @cached_property
    def column_specs(self) -> tuple[Column, ...]:
        return tuple(Column(f"{self.column_prefix}fingertip_pos_{index}", "fingertip", "m") for index in range(15))

    @property
    def fields(self) -> tuple[Field, ...]:
        return self.wrist.source.hand_fields

    def encode(self, reader: Reader) -> np.ndarray:
        tips = self._tips(reader)[1:]
        return tips.reshape(len(tips), -1)

    def _tips(self, reader: Reader) -> np.ndarray:
        """The tips in the model's wrist frame, [rows, 5, 3] m."""
        source = self.wrist.source
        wrist = source.wrist_in_camera(reader) @ self.wrist.tool_to_model
        offsets = source.fingertips_in_camera(reader) - wrist[:, None, :3, 3]
        # Row vectors times R are R^T times column vectors: camera axes -> wrist axes.
        return offsets @ wrist[:, :3, :3]

    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """`<name>` [T, 5, 3] m in the model's wrist frame and `<name>_world` [T, 5, 3] m in the world."""
        tips = unified.reshape(-1, 5, 3)
        wrist = decoding.model_poses[self.wrist.name][1:]
        world = tips @ np.swapaxes(wrist[:, :3, :3], -1, -2) + wrist[:, None, :3, 3]
        return {self.name: tips.copy(), f"{self.name}_world": world}

    @cached_property
    def command_fields(self) -> tuple[Field, ...]:
        meaning = "five fingertips in the model's wrist frame, xyz each"
        return (Field(self.name, "command", (5, 3), "m", meaning, -0.25, 0.25),)

    def encode_commands(self, commands: Mapping[str, np.ndarray], tool_pose: np.ndarray | None) -> np.ndarray:
        return commands[self.name].reshape(-1, self.width)

    def present(self, reader: Reader) -> dict[str, np.ndarray]:
        return {self.name: self._tips(reader)[0]}
