"""From the motion under way to what is sent now."""

from __future__ import annotations

import numpy as np

from embodiments import rotations
from ros2_nodes.commanding.axes import Axes
from ros2_nodes.commanding.records import (
    Command,
    GripperCommand,
    JointTrajectoryCommand,
    PathCommand,
    PoseCommand,
    StreamedPositions,
    TwistCommand,
)
from ros2_nodes.contract import Gripper, JointOutput, PathOutput, PoseOutput, RobotContract
from ros2_nodes.execution.motion import Motion
from ros2_nodes.execution.timeline import sample_trajectory

_POINT_SPACING_S = 0.02
"""Of trajectories. Between points a controller interpolates with cubics: at 50 Hz they differ from the motion by the
fourth power of this."""
_PAST_S = 0.12
"""Stamped trajectories begin so long before their sending: then the controller finds its place between two points, even
where its clock is a little behind. Before the first point it would set out from where the robot is measured."""
_GRIPPER_CHANGE = 0.01
"""Part of a gripper's whole way: a smaller change is not sent."""


class CommandWriter:
    """Writes the records of a contract's outputs. Trajectories, paths and grippers are written when they change."""

    def __init__(self, contract: RobotContract, axes: Axes, step_s: float) -> None:
        self._contract, self._axes, self._step_s = contract, axes, step_s
        self._grippers_sent: dict[str, float] = {}

    def forget(self) -> None:
        """The next gripper command is sent whatever was sent before: the robot is started anew."""
        self._grippers_sent.clear()

    def streamed(self, motion: Motion, now_s: float) -> list[Command]:
        """Positions, poses and twists for now."""
        here = motion.at(np.array([now_s]))
        found: list[Command] = []
        for name, output in self._contract.outputs.items():
            if isinstance(output, PoseOutput):
                found.append(self._pose(name, output, motion, here.position[0], here.velocity[0]))
            elif isinstance(output, JointOutput) and output.kind == "joint_positions":
                positions = here.position[0, self._axes.columns(name)]
                found.append(StreamedPositions(name, tuple(output.joints), positions))
        return found

    def whole(self, motion: Motion, now_s: float, going: bool) -> list[Command]:
        """Trajectories and paths of all that is left of a motion. going: False while held or stopped; then there are no
        paths, and trajectories begin at their arrival, for braking waits for no clock."""
        found: list[Command] = []
        for name, output in self._contract.outputs.items():
            if isinstance(output, JointOutput) and output.kind == "joint_trajectory":
                columns = self._axes.columns(name)
                past_s = _PAST_S if output.stamped and going else None
                times, positions, velocities = sample_trajectory(motion, now_s, _POINT_SPACING_S, past_s or 0.0)
                joints, rows, speeds = tuple(output.joints), positions[:, columns], velocities[:, columns]
                found.append(JointTrajectoryCommand(name, joints, times, rows, speeds, past_s))
            elif isinstance(output, PathOutput):
                found.append(self._path(name, output, motion, now_s, going))
        return found

    def grippers(self, motion: Motion, now_s: float) -> list[Command]:
        """Gripper numbers that differ from what was sent last."""
        riding = motion.passengers_at(np.array([now_s]))
        found: list[Command] = []
        for name, output in self._contract.outputs.items():
            if not isinstance(output, Gripper):
                continue
            limits = self._contract.limits[name]
            position = output.to_robot(float(np.ravel(riding[output.command])[0]))
            position = min(max(position, limits.lower), limits.upper)
            change = _GRIPPER_CHANGE * abs(output.robot_open - output.robot_closed)
            if name not in self._grippers_sent or abs(position - self._grippers_sent[name]) > change:
                self._grippers_sent[name] = position
                found.append(GripperCommand(name, output.kind, position, output.max_effort, output.joint))
        return found

    def _pose(
        self, name: str, output: PoseOutput, motion: Motion, position: np.ndarray, velocity: np.ndarray
    ) -> PoseCommand | TwistCommand:
        columns = self._axes.columns(name)
        group, chart = self._axes.groups[self._axes.index(name)], motion.chart[self._axes.index(name)]
        told = group.to_commands(position[None, columns], chart)
        quaternion = told[f"{output.command}_quaternion_xyzw"][0]
        if output.kind == "pose":
            return PoseCommand(name, output.frame, told[f"{output.command}_position"][0], quaternion)
        turned = rotations.to_matrix(quaternion, "quaternion_xyzw")
        angular = turned @ group.body_rate(position[columns], velocity[columns])
        return TwistCommand(name, output.frame, velocity[columns][:3], angular)

    def _path(self, name: str, output: PathOutput, motion: Motion, now_s: float, going: bool) -> PathCommand:
        left = int((motion.path.end_s - now_s) / self._step_s) if going else 0
        times = self._step_s * np.arange(1, max(left, 0) + 1)
        riding = motion.passengers_at(now_s + times)
        quaternions = riding[f"{output.command}_quaternion_xyzw"]
        unit = quaternions / np.maximum(np.linalg.norm(quaternions, axis=-1, keepdims=True), 1e-12)
        return PathCommand(name, output.frame, times, riding[f"{output.command}_position"], unit)
