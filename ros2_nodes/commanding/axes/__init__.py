"""Axes: the numbers that motions are planned in, joints or poses, and the maps to and from commands."""

from ros2_nodes.commanding.axes.base import AxisGroup, ChunkRefused
from ros2_nodes.commanding.axes.joints import JointGroup
from ros2_nodes.commanding.axes.poses import PoseGroup
from ros2_nodes.commanding.axes.together import Axes, Charts
from ros2_nodes.commanding.axes.tool_joints import ToolJointGroup

__all__ = ["Axes", "AxisGroup", "Charts", "ChunkRefused", "JointGroup", "PoseGroup", "ToolJointGroup"]
