"""What stops the robot by hand."""

from __future__ import annotations

from typing import Literal

from ros2_nodes.contract.base import Part, Positive, QoS, Topic


class EmergencyStop(Part):
    """True stops, at once, until the node is started again."""

    topic: Topic
    type: Literal["std_msgs/msg/Bool"] = "std_msgs/msg/Bool"
    qos: QoS = "reliable"


class Deadman(Part):
    """True while somebody holds it. False, or silence for `max_age_ms`, holds the robot."""

    topic: Topic
    type: Literal["std_msgs/msg/Bool"] = "std_msgs/msg/Bool"
    qos: QoS = "reliable"
    max_age_ms: Positive


class Stops(Part):
    """emergency_stop is always there; a deadman only where it is named."""

    emergency_stop: EmergencyStop
    deadman: Deadman | None = None
