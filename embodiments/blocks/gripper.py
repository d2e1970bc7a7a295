"""One column: how far a gripper is open."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from embodiments.blocks.base import Block, Decoding
from embodiments.columns import Column, Field
from embodiments.errors import EmbodimentError
from embodiments.reading import Reader


class GripperValueMap(ABC):
    """Between the robot's gripper number and the model's."""

    @property
    @abstractmethod
    def robot_open(self) -> float:
        """The robot's number for an open gripper."""

    @property
    @abstractmethod
    def robot_closed(self) -> float:
        """The robot's number for a closed gripper."""

    @property
    @abstractmethod
    def robot_unit(self) -> str:
        """The robot's unit."""

    @property
    @abstractmethod
    def model_unit(self) -> str:
        """The model's unit."""

    @abstractmethod
    def to_model(self, robot: np.ndarray) -> np.ndarray: ...

    @abstractmethod
    def to_robot(self, model: np.ndarray) -> np.ndarray: ...


@dataclass(frozen=True)
class GripperMap(GripperValueMap):
    """The straight line through (open, open) and (closed, closed): polarity and unit in one.

    DROID's gripper is 0 open and 1 closed, the model's 1 open and 0 closed: `GripperMap(robot_open=0, robot_closed=1)`.
    Nothing is clipped: recorded values beyond the ends pass through, and a command beyond them is for the robot's side
    (or the safety layer) to limit.
    """

    robot_open: float = 0.0
    robot_closed: float = 1.0
    model_open: float = 1.0
    model_closed: float = 0.0
    robot_unit: str = "1"
    model_unit: str = "1"

    def __post_init__(self) -> None:
        if self.robot_open == self.robot_closed or self.model_open == self.model_closed:
            raise EmbodimentError(
                f"a gripper's open and closed values must differ, but open is {self.robot_open:g} and closed is "
                f"{self.robot_closed:g} for the robot, {self.model_open:g} and {self.model_closed:g} for the model"
            )

    @cached_property
    def _slope(self) -> float:
        return (self.model_open - self.model_closed) / (self.robot_open - self.robot_closed)

    def to_model(self, robot: np.ndarray) -> np.ndarray:
        return self.model_closed + (robot - self.robot_closed) * self._slope

    def to_robot(self, model: np.ndarray) -> np.ndarray:
        return self.robot_closed + (model - self.model_closed) / self._slope


@dataclass(frozen=True, eq=False)
class GripperBlock(Block):
    """One gripper. `role` "command" takes the command at instants 0..T-1, "state" the observation at instants 1..T.

    `quantity` is the name in the trajectory and in the decoded commands.
    """

    role: str = field(kw_only=True)
    quantity: str = field(kw_only=True, default="gripper_position")
    value_map: GripperValueMap = field(kw_only=True, default_factory=GripperMap)
    column_prefix: str = field(kw_only=True, default="")

    @property
    def kind(self) -> str:
        return "gripper"

    @cached_property
    def column_specs(self) -> tuple[Column, ...]:
        return (Column(f"{self.column_prefix}gripper", "gripper", self.value_map.model_unit),)

    @cached_property
    def fields(self) -> tuple[Field, ...]:
        return (self._field(self.role),)

    @cached_property
    def state_fields(self) -> tuple[Field, ...]:
        return (self._field("state"),)

    def _field(self, role: str) -> Field:
        ends = (self.value_map.robot_open, self.value_map.robot_closed)
        meaning = f"gripper, {ends[0]:g} open, {ends[1]:g} closed"
        return Field(self.quantity, role, (1,), self.value_map.robot_unit, meaning, min(ends), max(ends))

    def encode(self, reader: Reader) -> np.ndarray:
        return self.value_map.to_model(reader.steps(self.fields[0]))

    def encode_state(self, reader: Reader) -> np.ndarray:
        return self.value_map.to_model(reader.instants(self.state_fields[0]))[0]

    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """`<quantity>` [T], in the robot's own unit and polarity."""
        return {self.quantity: self.value_map.to_robot(unified[:, 0])}

    @property
    def command_fields(self) -> tuple[Field, ...]:
        return (self._field("command"),)

    def encode_commands(self, commands: Mapping[str, np.ndarray], tool_pose: np.ndarray | None) -> np.ndarray:
        return self.value_map.to_model(commands[self.quantity])

    def present(self, reader: Reader) -> dict[str, np.ndarray]:
        return {self.quantity: reader.instants(self.state_fields[0])[0]}
