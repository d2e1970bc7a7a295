"""Where the pose of a tool, a camera or a wrist comes from in a robot's own data."""

from embodiments.pose_sources.base import PoseSource
from embodiments.pose_sources.components import PoseMatrix, PoseParts, PoseVector

__all__ = ["PoseMatrix", "PoseParts", "PoseSource", "PoseVector"]
