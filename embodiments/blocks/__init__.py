"""Blocks: the few kinds of columns from which every robot's action is put together."""

from embodiments.blocks.base import Block, Decoding
from embodiments.blocks.gripper import GripperBlock, GripperMap
from embodiments.blocks.pose import PoseBlock
from embodiments.blocks.vector import VectorBlock, joints_block

__all__ = ["Block", "Decoding", "GripperBlock", "GripperMap", "PoseBlock", "VectorBlock", "joints_block"]
