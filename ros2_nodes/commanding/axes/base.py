"""What a group of axes is: the map between a robot's commands and the numbers that are planned."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np

from ros2_nodes.execution.path import Start
from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.limits import Limits

Chart = np.ndarray | None
"""What the axes of one group are relative to: a rotation [3, 3] of a pose, None of joints."""


class ChunkRefused(ValueError):
    """A chunk's commands cannot be brought onto the axes."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.cause = Cause(reason, detail)


class AxisGroup(ABC):
    """The axes of one moving output. output: its name in the contract. limits: of these axes."""

    output: str
    limits: Limits

    @property
    def width(self) -> int:
        return self.limits.num_axes

    @property
    @abstractmethod
    def command_names(self) -> tuple[str, ...]:
        """The decoded commands that these axes carry."""

    @abstractmethod
    def measured(self, measured: Mapping[str, np.ndarray], chart: Chart) -> np.ndarray:
        """Where the robot is, [width], from what streams measured (see `Snapshot.measured`)."""

    @abstractmethod
    def from_commands(self, commands: Mapping[str, np.ndarray], seed: np.ndarray, chart: Chart) -> np.ndarray:
        """Positions [T, width] of decoded commands. seed: [width], where the robot is. Raises :class:`ChunkRefused`."""

    @abstractmethod
    def to_commands(self, positions: np.ndarray, chart: Chart) -> dict[str, np.ndarray]:
        """`command_names` -> [P, ...] of positions [P, width]."""

    def chart_of(self, measured: Mapping[str, np.ndarray]) -> Chart:
        """The chart of a motion that sets out from where the robot is."""
        return None

    def moved_chart(self, start: Start, chart: Chart) -> tuple[Start, Chart]:
        """The same start in the chart of a motion that sets out from there."""
        return start, chart

    def moved_positions(self, positions: np.ndarray, before: Chart, after: Chart) -> np.ndarray:
        """Positions [P, width] of one chart in another."""
        return positions

    def causes(self, positions: np.ndarray, chart: Chart) -> tuple[Cause, ...]:
        """What speaks against positions [P, width] beyond limits of single axes."""
        return ()
