"""Where the pose of a tool, a camera or a wrist comes from in a robot's own data."""

from embodiments.pose_sources.base import PoseSource
from embodiments.pose_sources.chain import BasePose, ChainPose, JointField, MobileChainPose
from embodiments.pose_sources.components import PoseMatrix, PoseParts, PoseVector
from embodiments.pose_sources.hand import HandPose

__all__ = [
    "BasePose",
    "ChainPose",
    "HandPose",
    "JointField",
    "MobileChainPose",
    "PoseMatrix",
    "PoseParts",
    "PoseSource",
    "PoseVector",
]
