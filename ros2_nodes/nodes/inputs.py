"""What a contract's robot sends, from topics into the loop."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos import qos_policy_name_from_kind
from rclpy.subscription import Subscription

from ros2_nodes.contract import InstructionStream, RobotContract, StateStream
from ros2_nodes.contract.streams import TRANSFORMS
from ros2_nodes.conversions.message_types import message_class
from ros2_nodes.conversions.quality import quality
from ros2_nodes.conversions.transforms import put_transforms
from ros2_nodes.loop import Instant, PolicyLoop
from ros2_nodes.nodes.guarded import GuardedLifecycleNode
from ros2_nodes.observing.messages import READERS
from ros2_nodes.observing.transforms import TransformTree

STATIC_TRANSFORMS = "/tf_static"


class Inputs:
    """All subscriptions of one contract.

    now: the present instant. instruct: takes an instruction. mismatches: topic -> sentence, for publishers whose
    quality of service cannot match ours (such a topic stays silent for ever).
    """

    def __init__(
        self,
        node: GuardedLifecycleNode,
        contract: RobotContract,
        loop: PolicyLoop,
        now: Callable[[], Instant],
        instruct: Callable[[str], None],
    ) -> None:
        self._node, self._loop, self._now = node, loop, now
        self._subscriptions: list[Subscription] = []
        self.mismatches: dict[str, str] = {}
        self.received: dict[str, int] = dict.fromkeys(contract.sampled, 0)
        """Stream -> messages since the node was configured."""
        for name, stream in contract.sampled.items():
            if stream.type != TRANSFORMS:
                self._subscribe(stream, partial(self._receive, name, READERS[stream.type]))
        self._listen_to_transforms(
            {name: stream for name, stream in contract.sampled.items() if stream.type == TRANSFORMS}
        )
        if isinstance(contract.instruction, InstructionStream):
            self._subscribe(contract.instruction, lambda message: instruct(message.data))
        self._subscribe(
            contract.stops.emergency_stop, lambda message: loop.press_emergency_stop(message.data, self._now())
        )
        if contract.stops.deadman is not None:
            self._subscribe(contract.stops.deadman, lambda message: loop.hold_deadman(message.data, self._now()))

    def close(self) -> None:
        """Listen no more."""
        for subscription in self._subscriptions:
            self._node.destroy_subscription(subscription)
        self._subscriptions.clear()

    def _receive(self, name: str, read: Callable[[Any, float], Any], message: Any) -> None:
        self.received[name] += 1
        self._loop.receive(name, read(message, self._now().stamp_s))

    def _listen_to_transforms(self, streams: dict[str, StateStream]) -> None:
        """One tree for all poses that are looked up; every message renews them."""
        if not streams:
            return
        tree = TransformTree()

        def receive(static: bool, message: Any) -> None:
            put_transforms(tree, message, static)
            for name, stream in streams.items():
                pose = tree.lookup(stream.frame, stream.child_frame, self._now().stamp_s)
                if pose is not None:
                    self.received[name] += 1
                    self._loop.receive(name, pose)

        for topic, stream in {stream.topic: stream for stream in streams.values()}.items():
            self._subscribe(stream, partial(receive, topic == STATIC_TRANSFORMS))
        first = next(iter(streams.values()))
        self._subscribe(first.model_copy(update={"topic": STATIC_TRANSFORMS, "qos": "latched"}), partial(receive, True))

    def _subscribe(self, stream: Any, callback: Callable[[Any], None]) -> None:
        topic = self._node.resolve_topic_name(stream.topic)
        self._subscriptions.append(
            self._node.create_subscription(
                message_class(stream.type),
                stream.topic,
                self._node.guarded(callback),
                quality(stream.qos),
                event_callbacks=SubscriptionEventCallbacks(incompatible_qos=partial(self._mismatch, topic, stream.qos)),
            )
        )

    def _mismatch(self, topic: str, qos: str, event: Any) -> None:
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        sentence = (
            f"a publisher on {topic} offers another {policy} than the contract's qos {qos!r} asks for: nothing of it "
            "will ever arrive; set the stream's qos to sensor_data, or change the publisher"
        )
        self.mismatches[topic] = sentence
        self._node.get_logger().error(sentence)
