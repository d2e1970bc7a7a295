"""The drift alarm: predicted frames against what the cameras then see."""

from ros2_nodes.drift.monitor import DriftMonitor
from ros2_nodes.drift.similarity import similarity

__all__ = ["DriftMonitor", "similarity"]
