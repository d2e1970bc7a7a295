"""A bag's messages in the order in which they happened: the sensors' as samples, the chunks as arrays."""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rosbags.highlevel import AnyReader, AnyReaderError
from rosbags.typesys import Stores, get_typestore

from cosmos_policy.errors import UsageError
from ros2_nodes.contract import RobotContract
from ros2_nodes.observing.messages import READERS, seconds_of
from ros2_nodes.observing.samples import Sample

#: A recorder on a busy computer may come to a message so much later than it was stamped.
LATE_S = 1.0
CHUNK = "cosmos_policy_interfaces/msg/ActionChunk"


@dataclass(frozen=True)
class RecordedChunk:
    """A chunk as it was admitted. stamp_s: of its observation; action i is due at stamp_s + i * dt."""

    stamp_s: float
    dt: float
    instruction: str
    commands: Mapping[str, np.ndarray]


def read(folder: Path, contract: RobotContract) -> Iterator[tuple[float, str, Sample | RecordedChunk]]:
    """(time in s, stream name or "", sample or chunk) of everything that a dataset is made of, in order of time.

    A sample's time is its stamp, whenever the recorder came to it; a chunk's is that of its receipt.
    """
    yield from _in_order(_received(folder, contract))


def _received(folder: Path, contract: RobotContract) -> Iterator[tuple[float, str, Sample | RecordedChunk]]:
    names: dict[str, list[str]] = {}
    for name, stream in contract.sampled.items():
        if stream.type not in READERS:
            raise UsageError(f"The stream {name} is {stream.type}, which is not converted to datasets.")
        names.setdefault(stream.topic, []).append(name)
    try:
        with AnyReader([folder], default_typestore=get_typestore(Stores.ROS2_JAZZY)) as bag:
            wanted = [one for one in bag.connections if one.topic in names or one.msgtype == CHUNK]
            for connection, received_ns, raw in bag.messages(connections=wanted):
                message, received_s = bag.deserialize(raw, connection.msgtype), 1e-9 * received_ns
                if connection.msgtype == CHUNK:
                    yield received_s, "", _chunk(message)
                for name in names.get(connection.topic, ()):
                    yield received_s, name, READERS[contract.sampled[name].type](message, received_s)
    except (AnyReaderError, OSError) as error:
        raise UsageError(f"{folder} cannot be read as a bag ({error}).") from None


def _in_order(messages: Iterator[tuple[float, str, Any]]) -> Iterator[tuple[float, str, Any]]:
    """Sorted by stamps, as far as messages were `LATE_S` late; what came later still is left out."""
    waiting: list[tuple[float, int, str, Any]] = []
    told_s = -math.inf
    for number, (received_s, stream, item) in enumerate(messages):
        time_s = received_s if isinstance(item, RecordedChunk) else min(item.stamp_s, received_s)
        if time_s >= told_s:
            heapq.heappush(waiting, (time_s, number, stream, item))
        while waiting and waiting[0][0] < received_s - LATE_S:
            told_s, _, stream, item = heapq.heappop(waiting)
            yield told_s, stream, item
    for time_s, _, stream, item in sorted(waiting, key=lambda one: one[:2]):
        yield time_s, stream, item


def _chunk(message: Any) -> RecordedChunk:
    commands = {rows.name: np.asarray(rows.values).reshape(-1, rows.width) for rows in message.commands}
    return RecordedChunk(seconds_of(message.header.stamp), message.dt, message.instruction, commands)
