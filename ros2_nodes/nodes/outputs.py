"""Commands of the loop onto the robot's topics."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from rclpy.action import ActionClient
from rclpy.event_handler import PublisherEventCallbacks
from rclpy.qos import qos_policy_name_from_kind

from ros2_nodes.commanding.records import Command
from ros2_nodes.contract import RobotContract
from ros2_nodes.conversions.commands import MESSAGE_OF, to_message
from ros2_nodes.conversions.message_types import message_class
from ros2_nodes.conversions.quality import quality
from ros2_nodes.nodes.guarded import GuardedLifecycleNode

#: Outputs that are sent anew at the output rate; the others only when they change.
STREAMED = ("joint_positions", "pose", "twist")
ACTIONS = ("gripper_action",)


class Outputs:
    """All publishers (and action clients) of one contract. sent: output -> commands since the node was configured."""

    def __init__(self, node: GuardedLifecycleNode, contract: RobotContract) -> None:
        self._node = node
        self.sent: dict[str, int] = dict.fromkeys(contract.outputs, 0)
        self.mismatches: dict[str, str] = {}
        self.streamed = any(output.kind in STREAMED for output in contract.outputs.values())
        """Whether commands are wanted at the output rate."""
        self._publishers: dict[str, Any] = {}
        self._clients: dict[str, ActionClient] = {}
        for name, output in contract.outputs.items():
            kind = message_class(MESSAGE_OF[output.kind])
            if output.kind in ACTIONS:
                self._clients[name] = ActionClient(node, kind, output.topic)
                continue
            self._publishers[name] = node.create_publisher(
                kind,
                output.topic,
                quality(output.qos),
                event_callbacks=PublisherEventCallbacks(
                    incompatible_qos=partial(self._mismatch, node.resolve_topic_name(output.topic), output.qos)
                ),
            )

    def send(self, commands: Iterable[Command], stamp_s: float) -> int:
        """Send them all; the number that was sent. stamp_s: now, on the clock of message stamps."""
        count = 0
        for command in commands:
            message = to_message(command, stamp_s)
            if command.output in self._clients:
                self._clients[command.output].send_goal_async(message)
            else:
                self._publishers[command.output].publish(message)
            self.sent[command.output] += 1
            count += 1
        return count

    def unheard(self) -> list[str]:
        """Outputs that nobody listens to at present."""
        silent = [name for name, publisher in self._publishers.items() if publisher.get_subscription_count() == 0]
        return silent + [name for name, client in self._clients.items() if not client.server_is_ready()]

    def close(self) -> None:
        """Take the publishers back."""
        for publisher in self._publishers.values():
            self._node.destroy_publisher(publisher)
        for client in self._clients.values():
            client.destroy()
        self._publishers.clear()
        self._clients.clear()

    def _mismatch(self, topic: str, qos: str, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        sentence = f"a subscriber on {topic} asks for another {policy} than the contract's qos {qos!r} offers"
        self.mismatches[topic] = sentence
        self._node.get_logger().error(sentence)
