"""Blocks: the few kinds of columns from which every robot's action is put together."""

from embodiments.blocks.base import Block, Decoding
from embodiments.blocks.fingertips import FingertipsBlock
from embodiments.blocks.gripper import GripperBlock, GripperMap, GripperValueMap
from embodiments.blocks.pose import PoseBlock
from embodiments.blocks.pose_delta import PoseDeltaBlock
from embodiments.blocks.vector import VectorBlock, joints_block

__all__ = [
    "Block",
    "Decoding",
    "FingertipsBlock",
    "GripperBlock",
    "GripperMap",
    "GripperValueMap",
    "PoseBlock",
    "PoseDeltaBlock",
    "VectorBlock",
    "joints_block",
]
