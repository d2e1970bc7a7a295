"""From samples of joints, poses and grippers to the numbers that an embodiment calls its state."""

from __future__ import annotations

import numpy as np

from embodiments import rotations
from embodiments.poses import make_poses
from ros2_nodes.contract.streams import GripperStream, StateStream
from ros2_nodes.observing.refusal import SampleRefused
from ros2_nodes.observing.samples import JointSample, NumberSample, PoseSample
from ros2_nodes.reasons import Reason

_UNIT_LENGTH_TOLERANCE = 1e-2
"""A quaternion whose length is farther from 1 is no orientation that somebody measured."""


def joints_by_name(sample: JointSample, wanted: tuple[str, ...] | list[str]) -> np.ndarray:
    """Positions, float64 [len(wanted)], rad or m, in the order of `wanted`. Raises :class:`SampleRefused`."""
    missing = [name for name in wanted if name not in sample.names]
    if missing:
        raise SampleRefused(Reason.JOINT_MISSING, f"the joint state lacks {', '.join(missing)}")
    if len(sample.positions) != len(sample.names):
        raise SampleRefused(
            Reason.UNREADABLE, f"the joint state has {len(sample.names)} names and {len(sample.positions)} positions"
        )
    positions = np.array([sample.positions[sample.names.index(name)] for name in wanted], dtype=np.float64)
    _require_finite(positions, "the joint state")
    return positions


def pose_matrix(sample: PoseSample, frame: str | None) -> np.ndarray:
    """The pose, float64 [4, 4], m. frame: the frame_id that it must have. Raises :class:`SampleRefused`."""
    if frame is not None and sample.frame_id.lstrip("/") != frame.lstrip("/"):
        raise SampleRefused(Reason.WRONG_FRAME, f"the pose is in the frame {sample.frame_id!r}, not in {frame!r}")
    position = np.asarray(sample.position, dtype=np.float64)
    quaternion = np.asarray(sample.quaternion_xyzw, dtype=np.float64)
    _require_finite(np.concatenate([position, quaternion]), "the pose")
    length = float(np.linalg.norm(quaternion))
    if abs(length - 1.0) > _UNIT_LENGTH_TOLERANCE:
        raise SampleRefused(Reason.UNREADABLE, f"the pose's quaternion has length {length:.3g}; expected 1")
    return make_poses(position, rotations.to_matrix(quaternion, "quaternion_xyzw"))


def written_pose(pose: np.ndarray, encoding: str) -> np.ndarray:
    """A pose [4, 4] as an embodiment writes it (`PoseEncoding`)."""
    if encoding == "matrix":
        return pose
    position = pose[:3, 3]
    if encoding == "xyz":
        return position.copy()
    turn = rotations.from_matrix(pose[:3, :3], encoding.removeprefix("xyz_"))
    return turn if encoding == "quaternion_xyzw" else np.concatenate([position, turn])


def state_value(stream: StateStream, measured: np.ndarray) -> np.ndarray:
    """The state quantity from joints [n] (rad) or a pose [4, 4] (m)."""
    if not stream.is_pose:
        return np.degrees(measured) if stream.unit == "deg" else measured
    value = written_pose(measured, stream.encoding)
    return np.concatenate([value[:3], np.degrees(value[3:])]) if stream.unit == "deg" else value


def gripper_value(stream: GripperStream, sample: JointSample | NumberSample) -> np.ndarray:
    """The gripper's state, float64 [1]. Raises :class:`SampleRefused`."""
    if isinstance(sample, JointSample):
        measured = float(joints_by_name(sample, (stream.joint,))[0])
    else:
        measured = float(sample.value)
        _require_finite(np.array([measured]), "the gripper's number")
    return np.array([stream.to_state(measured)])


def _require_finite(numbers: np.ndarray, what: str) -> None:
    if not np.isfinite(numbers).all():
        raise SampleRefused(Reason.NOT_FINITE, f"{what} holds NaN or infinite values")
