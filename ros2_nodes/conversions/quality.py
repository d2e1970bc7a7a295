"""The three qualities of service that a contract can name."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy

from ros2_nodes.contract.base import QoS


def quality(name: QoS) -> QoSProfile:
    """The profile that :data:`ros2_nodes.contract.base.QoS` describes."""
    depth, reliability, durability = {
        "sensor_data": (5, ReliabilityPolicy.BEST_EFFORT, DurabilityPolicy.VOLATILE),
        "reliable": (10, ReliabilityPolicy.RELIABLE, DurabilityPolicy.VOLATILE),
        "latched": (1, ReliabilityPolicy.RELIABLE, DurabilityPolicy.TRANSIENT_LOCAL),
    }[name]
    return QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=depth, reliability=reliability, durability=durability)
