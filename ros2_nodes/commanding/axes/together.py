"""All axes of a robot in one vector, so that all its arms keep step with each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

import numpy as np

from ros2_nodes.commanding.axes.base import AxisGroup, Chart
from ros2_nodes.commanding.axes.joints import JointGroup
from ros2_nodes.commanding.axes.poses import PoseGroup
from ros2_nodes.commanding.axes.tool_joints import ToolJointGroup
from ros2_nodes.commanding.urdf_arm import UrdfArm
from ros2_nodes.contract import JointOutput, PoseOutput, RobotContract
from ros2_nodes.execution.motion import Motion
from ros2_nodes.execution.path import Start
from ros2_nodes.reasons import Cause
from ros2_nodes.safety.limits import Limits

Charts = tuple[Chart, ...]


class Axes:
    """The groups of a contract's moving outputs, one after the other."""

    def __init__(self, contract: RobotContract) -> None:
        self.groups = tuple(
            _group(contract, name, output)
            for name, output in contract.outputs.items()
            if isinstance(output, (JointOutput, PoseOutput))
        )
        moving = (contract.outputs[group.output] for group in self.groups)
        self._measuring = tuple(dict.fromkeys(output.measured_by for output in moving))
        self.limits = Limits.together([group.limits for group in self.groups])
        ends = np.cumsum([0, *(group.width for group in self.groups)])
        self._columns = [slice(int(low), int(high)) for low, high in pairwise(ends)]

    @property
    def command_names(self) -> tuple[str, ...]:
        return tuple(name for group in self.groups for name in group.command_names)

    def columns(self, output: str) -> slice:
        """Where the axes of an output stand in the vector."""
        return next(columns for group, columns in self._pairs() if group.output == output)

    def index(self, output: str) -> int:
        """The number of an output's group, and so of its chart."""
        return [group.output for group in self.groups].index(output)

    def charts(self, measured: Mapping[str, np.ndarray]) -> Charts:
        return tuple(group.chart_of(measured) for group in self.groups)

    def measured(self, measured: Mapping[str, np.ndarray], charts: Charts) -> np.ndarray:
        """Where the robot is, [N]."""
        parts = [group.measured(measured, chart) for group, chart in zip(self.groups, charts, strict=True)]
        return np.concatenate([np.zeros(0), *parts])

    def raw(self, measured: Mapping[str, np.ndarray]) -> np.ndarray:
        """Every number that measures an output, as it came."""
        parts = [measured[stream].reshape(-1) for stream in self._measuring]
        return np.concatenate([np.zeros(0), *parts])

    def from_commands(
        self, commands: Mapping[str, np.ndarray], seed: np.ndarray, charts: Charts, rows: int
    ) -> np.ndarray:
        """Positions [rows, N]. Raises `ChunkRefused`."""
        parts = [
            group.from_commands(commands, seed[columns], chart)
            for (group, columns), chart in zip(self._pairs(), charts, strict=True)
        ]
        return np.concatenate([np.zeros((rows, 0)), *parts], axis=-1)

    def to_commands(self, positions: np.ndarray, charts: Charts) -> dict[str, np.ndarray]:
        found: dict[str, np.ndarray] = {}
        for (group, columns), chart in zip(self._pairs(), charts, strict=True):
            found |= group.to_commands(positions[:, columns], chart)
        return found

    def take_over(self, motion: Motion, now_s: float) -> tuple[Start, Charts]:
        """Where a motion that continues another sets out, in charts of its own."""
        start, parts, charts = motion.start_at(now_s), [], []
        for (group, columns), chart in zip(self._pairs(), motion.chart, strict=True):
            part = Start(start.position[columns], start.velocity[columns], start.acceleration[columns])
            part, chart = group.moved_chart(part, chart)
            parts.append(part)
            charts.append(chart)
        joined = [
            np.concatenate([np.zeros(0), *(getattr(part, name) for part in parts)])
            for name in ("position", "velocity", "acceleration")
        ]
        return Start(*joined), tuple(charts)

    def moved_positions(self, positions: np.ndarray, before: Charts, after: Charts) -> np.ndarray:
        """Positions [P, N] of one motion's charts in another's."""
        parts = [
            group.moved_positions(positions[:, columns], old, new)
            for (group, columns), old, new in zip(self._pairs(), before, after, strict=True)
        ]
        return np.concatenate([np.zeros((len(positions), 0)), *parts], axis=-1)

    def causes(self, positions: np.ndarray, charts: Charts) -> tuple[Cause, ...]:
        pairs = zip(self._pairs(), charts, strict=True)
        return tuple(cause for (group, columns), chart in pairs for cause in group.causes(positions[:, columns], chart))

    def _pairs(self) -> Iterator[tuple[AxisGroup, slice]]:
        return zip(self.groups, self._columns, strict=True)


def _group(contract: RobotContract, name: str, output: JointOutput | PoseOutput) -> AxisGroup:
    limits = contract.limits[name]
    if isinstance(output, PoseOutput):
        return PoseGroup(name, output, limits)
    stream = contract.streams[output.measured_by]
    if output.kinematics is None:
        return JointGroup(name, output, limits, stream)
    told = output.kinematics
    bounds = Limits.of_joints(output.joints, limits)
    arm = UrdfArm(contract.folder / told.urdf, told.base, told.tool, output.joints, bounds.lower, bounds.upper)
    return ToolJointGroup(name, output, limits, stream, arm)
