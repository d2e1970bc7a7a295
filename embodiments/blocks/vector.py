"""Columns that are the robot's own absolute numbers: joint angles, or a point in the plane."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embodiments.blocks.base import Block, Decoding
from embodiments.columns import Column, Field
from embodiments.reading import Reader


@dataclass(frozen=True, eq=False)
class VectorBlock(Block):
    """Absolute commands as they are, at instants 0..T-1. `quantity` is their name in the trajectory and afterwards."""

    quantity: str = field(kw_only=True)
    block_kind: str = field(kw_only=True)
    specs: tuple[Column, ...] = field(kw_only=True)
    meaning: str = field(kw_only=True)
    low: float | np.ndarray = field(kw_only=True, default=-1.0)
    high: float | np.ndarray = field(kw_only=True, default=1.0)

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
        return Field(
            self.quantity, role, (self.width,), self.specs[0].unit, self.meaning, self.low, self.high, swing=0.1
        )

    def encode(self, reader: Reader) -> np.ndarray:
        return reader.steps(self.fields[0])

    def encode_state(self, reader: Reader) -> np.ndarray:
        return reader.instants(self.state_fields[0])[0]

    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """`<quantity>` [T, width], in the robot's own unit."""
        return {self.quantity: unified.copy()}


def joints_block(name: str, quantity: str, low: np.ndarray, high: np.ndarray, column_prefix: str = "") -> VectorBlock:
    """Absolute joint positions in radians; `low` and `high` are the joints' limits."""
    specs = tuple(Column(f"{column_prefix}joint_{index}", "joint", "rad") for index in range(len(low)))
    return VectorBlock(
        name, quantity=quantity, block_kind="joints", specs=specs, meaning="joint positions", low=low, high=high
    )
