"""Serialized messages into an MCAP bag that `ros2 bag` plays."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rosbags.rosbag2 import StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from cosmos_policy.errors import UsageError


class BagWriter:
    """A new bag. Use it in a ``with`` block: it is whole only when it is closed.

    folder: must not exist yet. definitions: message type -> its .msg text, of types that ROS itself does not bring.
    """

    def __init__(self, folder: Path, definitions: Mapping[str, str]) -> None:
        if folder.exists():
            raise UsageError(f"{folder} exists already; name a new folder for the bag.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        self._types = get_typestore(Stores.ROS2_JAZZY)
        own = {}
        for name, text in definitions.items():
            own.update(get_types_from_msg(text, name))
        self._types.register(own)
        self._writer = Writer(folder, version=9, storage_plugin=StoragePlugin.MCAP)
        self._connections: dict[str, object] = {}

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(self, *_: object) -> None:
        self._writer.close()

    def add_topic(self, topic: str, message_type: str) -> None:
        """Announce a topic, by its full name."""
        self._connections[topic] = self._writer.add_connection(topic, message_type, typestore=self._types)

    def write(self, topic: str, received_ns: int, message: bytes) -> None:
        """One message as it came from the wire (CDR). received_ns: on the clock of message stamps."""
        self._writer.write(self._connections[topic], received_ns, message)
