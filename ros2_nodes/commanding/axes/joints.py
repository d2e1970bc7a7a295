"""Axes that are joints, told as joints."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ros2_nodes.commanding.axes.base import AxisGroup, Chart
from ros2_nodes.contract import JointLimits, JointOutput, StateStream
from ros2_nodes.safety.limits import Limits


class JointGroup(AxisGroup):
    """Joint positions in the order of the output's `joints`, rad (m)."""

    def __init__(self, name: str, output: JointOutput, limits: JointLimits, stream: StateStream) -> None:
        self.output, self.limits = name, Limits.of_joints(output.joints, limits)
        self._command, self._stream = output.command, output.measured_by
        self._entries = [stream.joints.index(joint) for joint in output.joints]
        self._unit = np.pi / 180.0 if output.unit == "deg" else 1.0

    @property
    def command_names(self) -> tuple[str, ...]:
        return (self._command,)

    def measured(self, measured: Mapping[str, np.ndarray], chart: Chart) -> np.ndarray:
        return measured[self._stream][self._entries]

    def from_commands(self, commands: Mapping[str, np.ndarray], seed: np.ndarray, chart: Chart) -> np.ndarray:
        return np.asarray(commands[self._command], dtype=np.float64).reshape(-1, self.width) * self._unit

    def to_commands(self, positions: np.ndarray, chart: Chart) -> dict[str, np.ndarray]:
        return {self._command: positions / self._unit}
