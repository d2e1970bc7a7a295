"""Axes that are joints, told as poses of a tool: an arm that takes joints under a model that speaks of its hand."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embodiments import rotations
from embodiments.poses import make_poses
from ros2_nodes.commanding.axes.base import AxisGroup, Chart, ChunkRefused
from ros2_nodes.commanding.urdf_arm import UrdfArm
from ros2_nodes.contract import JointLimits, JointOutput, StateStream
from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.limits import Limits


class ToolJointGroup(AxisGroup):
    """Joint positions (rad) that put the tool where the chunk wants it, by differential inverse kinematics."""

    def __init__(self, name: str, output: JointOutput, limits: JointLimits, stream: StateStream, arm: UrdfArm) -> None:
        self.output, self.limits, self._arm = name, Limits.of_joints(output.joints, limits), arm
        self._kinematics, self._stream = output.kinematics, output.measured_by
        self._position, self._quaternion = f"{output.command}_position", f"{output.command}_quaternion_xyzw"
        self._entries = [stream.joints.index(joint) for joint in output.joints]
        self._workspace = limits.workspace

    @property
    def command_names(self) -> tuple[str, ...]:
        return self._position, self._quaternion

    def measured(self, measured: Mapping[str, np.ndarray], chart: Chart) -> np.ndarray:
        return measured[self._stream][self._entries]

    def from_commands(self, commands: Mapping[str, np.ndarray], seed: np.ndarray, chart: Chart) -> np.ndarray:
        turned = rotations.to_matrix(commands[self._quaternion], "quaternion_xyzw")
        poses = make_poses(np.asarray(commands[self._position], dtype=np.float64), turned)
        joints, distance_m, angle_rad = self._arm.inverse(poses, seed)
        bad = (distance_m > self._kinematics.max_position_error_m) | (
            angle_rad > self._kinematics.max_rotation_error_rad
        )
        if bad.any():
            row = int(bad.argmax())
            raise ChunkRefused(
                Reason.UNREACHABLE,
                f"{self.output}: action {row} wants the tool at {np.round(poses[row, :3, 3], 3).tolist()} m, and the "
                f"joints miss it by {1e3 * distance_m[row]:.1f} mm and {np.degrees(angle_rad[row]):.1f} degrees",
            )
        return joints

    def to_commands(self, positions: np.ndarray, chart: Chart) -> dict[str, np.ndarray]:
        poses = self._arm.forward(positions)
        quaternions = rotations.from_matrix(poses[:, :3, :3], "quaternion_xyzw")
        return {self._position: poses[:, :3, 3].copy(), self._quaternion: quaternions}

    def causes(self, positions: np.ndarray, chart: Chart) -> tuple[Cause, ...]:
        if self._workspace is None:
            return ()
        places = self._arm.forward(positions)[:, :3, 3]
        low, high = np.array(self._workspace.lower), np.array(self._workspace.upper)
        beyond = np.maximum(low - places, places - high).max(axis=0)
        return tuple(
            Cause(
                Reason.WORKSPACE_LIMIT,
                f"{self.output}: the tool would leave its workspace by {beyond[axis]:.3f} m in {name}",
            )
            for axis, name in enumerate("xyz")
            if beyond[axis] > 0.0
        )
