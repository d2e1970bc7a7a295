"""Columns of a controller that is itself told deltas: a translation and a turn a step, in the controller's units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embodiments import rotations
from embodiments.blocks.base import Block, Decoding
from embodiments.columns import Column, Field, smooth_in_range
from embodiments.reading import Reader


@dataclass(frozen=True, eq=False)
class PoseDeltaBlock(Block):
    """The controller's own per-step deltas, only the rotation written anew: [xyz, axis-angle] <-> [xyz, rotation].

    No pose is integrated: what a unit of the controller moves depends on the controller (LIBERO's operational-space
    controller takes numbers of about -1..1, not metres). `quantity` names the [T, 6] command.
    """

    quantity: str = field(kw_only=True)
    representation: str = field(kw_only=True, default="rot6d")

    @property
    def kind(self) -> str:
        return "pose_delta"

    @cached_property
    def column_specs(self) -> tuple[Column, ...]:
        position = tuple(Column(f"pos_{axis}", "position", "1") for axis in "xyz")
        if self.representation == "axis_angle":
            return position + tuple(Column(f"axang_{axis}", "rotation", "rad") for axis in "xyz")
        width = rotations.WIDTHS[self.representation]
        return position + tuple(Column(f"rot_{index}", "rotation", "1") for index in range(width))

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        meaning = "controller's delta a step: xyz in controller units, axis-angle in rad"
        return (Field(self.quantity, "command", (6,), "1, rad", meaning, -1.0, 1.0, _example),)

    def encode(self, reader: Reader) -> np.ndarray:
        return self._columns(reader.steps(self.fields[0]))

    def _columns(self, delta: np.ndarray) -> np.ndarray:
        turn = rotations.from_matrix(rotations.to_matrix(delta[:, 3:], "axis_angle"), self.representation)
        return np.concatenate([delta[:, :3], turn], axis=-1)

    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """`<quantity>` [T, 6]: xyz in controller units, axis-angle in rad."""
        turn = rotations.from_matrix(rotations.to_matrix(unified[:, 3:], self.representation), "axis_angle")
        return {self.quantity: np.concatenate([unified[:, :3], turn], axis=-1)}

    @property
    def command_fields(self) -> tuple[Field, ...]:
        return self.fields

    def encode_commands(self, commands: Mapping[str, np.ndarray], tool_pose: np.ndarray | None) -> np.ndarray:
        return self._columns(commands[self.quantity])


def _example(times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    moves = smooth_in_range(times, generator, -0.6, 0.6, (3,))
    return np.concatenate([moves, smooth_in_range(times, generator, -0.2, 0.2, (3,))], axis=-1)
