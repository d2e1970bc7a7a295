"""``record_node``: what was seen, asked, predicted and commanded, into an MCAP bag, until it is ended.

Everything that the robot's contract names, and what the policy node tells. `cosmos-policy convert-bag` makes a LeRobot
dataset of it.
"""

from __future__ import annotations

import contextlib
from functools import partial
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from cosmos_policy.errors import UsageError
from ros2_nodes.contract import RobotContract, load_contract
from ros2_nodes.contract.streams import TRANSFORMS
from ros2_nodes.conversions.commands import MESSAGE_OF
from ros2_nodes.conversions.message_types import message_class
from ros2_nodes.conversions.quality import quality
from ros2_nodes.nodes.inputs import STATIC_TRANSFORMS
from ros2_nodes.nodes.outputs import ACTIONS
from ros2_nodes.nodes.running import run
from ros2_nodes.recording.bag_writer import BagWriter

#: Messages of a topic that may wait for the disk.
WAITING = 100
INTERFACES = "cosmos_policy_interfaces"
PARAMETERS = {
    "contract": ("", "path of the robot's contract (YAML)"),
    "folder": ("", "the bag's folder; it must not exist yet"),
    "policy_node": ("/cosmos_policy", "full name of the policy node"),
}


class RecordNode(Node):
    """Listens and writes; nothing is decoded."""

    def __init__(self) -> None:
        super().__init__("record_node")
        for name, (value, meaning) in PARAMETERS.items():
            self.declare_parameter(name, value, ParameterDescriptor(description=meaning))
        given = {name: self.get_parameter(name).value for name in PARAMETERS}
        for name in ("contract", "folder"):
            if not given[name]:
                raise UsageError(f"The parameter {name} is empty; give {PARAMETERS[name][1]}.")
        topics = _topics(load_contract(given["contract"]), given["policy_node"])
        self._held = contextlib.ExitStack()
        self._bag = self._held.enter_context(BagWriter(Path(given["folder"]), _own_definitions()))
        self._count = 0
        for name, (message_type, qos) in topics.items():
            topic = self.resolve_topic_name(name)
            self._bag.add_topic(topic, message_type)
            profile = quality(qos)
            if qos != "latched":
                profile.depth = WAITING  # a disk may pause
            self.create_subscription(message_class(message_type), topic, partial(self._keep, topic), profile, raw=True)
        self.get_logger().info(f"recording {len(topics)} topics into {given['folder']}")

    def close(self) -> None:
        """Make the bag whole."""
        self._held.close()
        self.get_logger().info(f"{self._count} messages recorded")

    def _keep(self, topic: str, message: bytes) -> None:
        self._bag.write(topic, self.get_clock().now().nanoseconds, message)
        self._count += 1


def _topics(contract: RobotContract, node: str) -> dict[str, tuple[str, str]]:
    """Topic -> (message type, quality of service)."""
    told = [*contract.streams.values(), contract.stops.emergency_stop, contract.stops.deadman]
    topics = {one.topic: (one.type, one.qos) for one in told if one is not None}
    if any(type_ == TRANSFORMS for type_, _ in topics.values()):
        topics[STATIC_TRANSFORMS] = (TRANSFORMS, "latched")
    for output in contract.outputs.values():
        if output.kind not in ACTIONS:
            topics[output.topic] = (MESSAGE_OF[output.kind], output.qos)
    own = {"status": "PolicyStatus", "predicted_chunk": "ActionChunk", "rejected_chunk": "RejectedChunk"}
    topics |= {f"{node}/{name}": (f"{INTERFACES}/msg/{kind}", "reliable") for name, kind in own.items()}
    return topics | {"/diagnostics": ("diagnostic_msgs/msg/DiagnosticArray", "reliable")}


def _own_definitions() -> dict[str, str]:
    folder = Path(get_package_share_directory(INTERFACES)) / "msg"
    return {f"{INTERFACES}/msg/{path.stem}": path.read_text() for path in sorted(folder.glob("*.msg"))}


def main() -> None:
    """The executable."""
    run(RecordNode, RecordNode.close)


if __name__ == "__main__":
    main()
