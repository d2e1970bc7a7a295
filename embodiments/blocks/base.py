"""What a block is: a run of columns, and the exact map between them and what the robot reports or takes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from embodiments import rotations
from embodiments.columns import Column, Field
from embodiments.errors import EmbodimentError
from embodiments.reading import Reader


@dataclass(frozen=True, eq=False)
class Decoding:
    """What a block may need beside its own columns: integrated paths [T+1, 4, 4] by block name, of the model's
    frames and of the robot's own tool frames."""

    model_poses: Mapping[str, np.ndarray]
    tool_poses: Mapping[str, np.ndarray]

    @cached_property
    def tool_quaternions(self) -> dict[str, np.ndarray]:
        """Quaternions xyzw [T, 4] of the tool paths: one call of scipy for all arms is as dear as for one."""
        turned = np.stack([path[1:, :3, :3] for path in self.tool_poses.values()])
        return dict(zip(self.tool_poses, rotations.from_matrix(turned, "quaternion_xyzw"), strict=True))


@dataclass(frozen=True, eq=False)
class Block(ABC):
    """A named run of columns. `start` is its first column, set when an embodiment is put together."""

    name: str

    start: int = 0

    @property
    @abstractmethod
    def kind(self) -> str:
        """One of "pose", "gripper", "joints", "position", "fingertips", "pose_delta"."""

    @property
    @abstractmethod
    def column_specs(self) -> tuple[Column, ...]:
        """Name, kind and unit of every column."""

    @property
    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """What `encode` reads from a trajectory."""

    @property
    def state_fields(self) -> tuple[Field, ...]:
        """What `encode_state` reads from the present state (as a rule the same)."""
        return self.fields

    @property
    def columns(self) -> slice:
        """The block's columns of the action."""
        return slice(self.start, self.start + len(self.column_specs))

    @property
    def width(self) -> int:
        return len(self.column_specs)

    @abstractmethod
    def encode(self, reader: Reader) -> np.ndarray:
        """Unified columns of a recorded trajectory, float64 [T, width]."""

    @abstractmethod
    def decode(self, unified: np.ndarray, decoding: Decoding) -> dict[str, np.ndarray]:
        """Absolute commands in the robot's own units, T rows each, from unified columns [T, width]."""

    def encode_state(self, reader: Reader) -> np.ndarray:
        """The present state as a clean row, float64 [width]; for checkpoints that were trained with one."""
        raise EmbodimentError(
            f"the block {self.name!r} ({self.kind}) has no state row: no checkpoint was trained with one"
        )

    @property
    @abstractmethod
    def command_fields(self) -> tuple[Field, ...]:
        """The commands that say all that the columns say: the fewest of those that `decode` gives."""

    @abstractmethod
    def encode_commands(self, commands: Mapping[str, np.ndarray], tool_pose: np.ndarray | None) -> np.ndarray:
        """The inverse of `decode`: unified columns [T, width] from `command_fields`, float64 [T, *shape] each.

        tool_pose: [4, 4], where the robot's own tool frame of a pose block is before the first command.
        """

    def present(self, reader: Reader) -> dict[str, np.ndarray]:
        """The present state under the names of the commands (one instant, no time axis); none where commands are
        changes and not places."""
        return {}
