"""Columns that are the robot's own absolute numbers: joint angles, or a point in the plane."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embodiments.blocks.base import Block, Decoding
from embodiments.columns import RADIANS_PER_UNIT, Column, Field
from embodiments.reading import Reader


@dataclass(frozen=True, eq=False)
class VectorBlock(Block):
    """Absolute commands as they are, at instants 0..T-1. `quantity` is their name in the trajectory and afterwards.

    One of the robot's units is `si_per_unit` of the columns' SI unit (pi / 180: the robot speaks degrees); `low` and
    `high` are in the robot's unit.
    """

    quantity: str = field(kw_only=True)
    block_kind: str = field(kw_only=True)
    specs: tuple[Column, ...] = field(kw_only=True)
    meaning: str = field(kw_only=True)
    low: float | np.ndarray = field(kw_only=True, default=-1.0)
    high: float | np.ndarray = field(kw_only=True, default=1.0)
    unit: str = field(kw_only=True, default="1")
    si_per_unit: float = field(kw_only=True, default=1.0)

    @property
    def kind(self) -> str:
        return self.block_kind

    @property
    def column_specs(self) -> tuple[Column, ...]:
        return self.specs

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return (self._field("command"),)

    @cached_property
    def state_fields(self) -> tuple[Field, ...]:
        return (self._field("state"),)

    def _field(self, role: str) -> Field:
        return Field(self.quantity, role, (self.width,), self.unit, self.meaning, self.low, self.high, swing=0.1)

    def encode(self, reader: Reader) -> np.ndarray:
        return reader.steps(self.fields[0]) * self.si_per_unit

    def encode_state(self, reader: Reader) -> np.ndarray:
        return reader.instants(self.state_fields[0])[0] * self.si_per_unit

    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """`<quantity>` [T, width], in the robot's own unit."""
        return {self.quantity: unified / self.si_per_unit}

    @property
    def command_fields(self) -> tuple[Field, ...]:
        return self.fields

    def encode_commands(self, commands: Mapping[str, np.ndarray], tool_pose: np.ndarray | None) -> np.ndarray:
        return commands[self.quantity] * self.si_per_unit

    def present(self, reader: Reader) -> dict[str, np.ndarray]:
        return {self.quantity: reader.instants(self.state_fields[0])[0]}


def joints_block(
    name: str, quantity: str, low: np.ndarray, high: np.ndarray, column_prefix: str = "", angle_unit: str = "rad"
) -> VectorBlock:
    """Absolute joint positions in "rad" or "deg"; `low` and `high` are the joints' limits in that unit."""
    specs = tuple(Column(f"{column_prefix}joint_{index}", "joint", "rad") for index in range(len(low)))
    return VectorBlock(
        name,
        quantity=quantity,
        block_kind="joints",
        specs=specs,
        meaning="joint positions",
        low=low,
        high=high,
        unit=angle_unit,
        si_per_unit=RADIANS_PER_UNIT[angle_unit],
    )
