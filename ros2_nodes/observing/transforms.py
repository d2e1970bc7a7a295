"""A small tree of transforms: the newest of each, put together along the way between two frames."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from embodiments import rotations
from embodiments.poses import invert, make_poses
from ros2_nodes.observing.samples import PoseSample

_LONGEST_CHAIN = 100


@dataclass(frozen=True)
class _Edge:
    parent: str
    pose: np.ndarray
    stamp_s: float


class TransformTree:
    """What /tf and /tf_static say, newest only; lookups never interpolate, an age limit judges their stamp."""

    def __init__(self) -> None:
        self._edges: dict[str, _Edge] = {}

    def put(
        self, parent: str, child: str, stamp_s: float, position: np.ndarray, quaternion_xyzw: np.ndarray, static: bool
    ) -> None:
        """Pose of `child` in `parent`: position [3] m, quaternion [4]. A transform that is no pose (NaN, a quaternion
        of length zero) takes its child out of the tree, so that nothing is looked up through it."""
        numbers = np.concatenate([np.asarray(position, float), np.asarray(quaternion_xyzw, float)])
        if not np.isfinite(numbers).all() or np.linalg.norm(numbers[3:]) < 0.5:
            self._edges.pop(child.lstrip("/"), None)
            return
        pose = make_poses(numbers[:3], rotations.to_matrix(numbers[3:], "quaternion_xyzw"))
        self._edges[child.lstrip("/")] = _Edge(parent.lstrip("/"), pose, math.inf if static else stamp_s)

    def lookup(self, frame: str, child: str, now_s: float) -> PoseSample | None:
        """Pose of `child` in `frame`, with the oldest stamp on the way (`now_s` where all of it is static); None where
        the two are not connected."""
        up_from_child, up_from_frame = self._way_up(child.lstrip("/")), self._way_up(frame.lstrip("/"))
        common = next((name for name in up_from_child if name in up_from_frame), None)
        if common is None:
            return None
        (child_pose, child_stamp), (frame_pose, frame_stamp) = up_from_child[common], up_from_frame[common]
        pose = invert(frame_pose) @ child_pose
        stamp = min(child_stamp, frame_stamp)
        quaternion = rotations.from_matrix(pose[:3, :3], "quaternion_xyzw")
        return PoseSample(now_s if math.isinf(stamp) else stamp, frame, pose[:3, 3].copy(), quaternion)

    def _way_up(self, name: str) -> dict[str, tuple[np.ndarray, float]]:
        """Every ancestor (and the frame itself) -> pose of the frame in it, and the oldest stamp on the way."""
        pose, stamp = np.eye(4), math.inf
        found = {name: (pose, stamp)}
        while name in self._edges and len(found) < _LONGEST_CHAIN:
            edge = self._edges[name]
            name, pose, stamp = edge.parent, edge.pose @ pose, min(stamp, edge.stamp_s)
            if name in found:
                break
            found[name] = (pose, stamp)
        return found
