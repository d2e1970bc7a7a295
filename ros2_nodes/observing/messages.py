"""Messages of sensors as samples, read by their fields alone: it is the same whether rclpy or a bag made them.

Buffers are wrapped, not copied: decoding waits until a tick wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ros2_nodes.observing.samples import (
    CompressedImageSample,
    ImageSample,
    JointSample,
    NumberSample,
    PoseSample,
    Sample,
)


def seconds_of(stamp: Any) -> float:
    """Seconds of a message's stamp; float64 keeps 0.2 microseconds of today's clock."""
    return stamp.sec + 1e-9 * stamp.nanosec


def _image(message: Any, received_s: float) -> Sample:
    return ImageSample(
        stamp_s=seconds_of(message.header.stamp),
        frame_id=message.header.frame_id,
        encoding=message.encoding,
        height=message.height,
        width=message.width,
        step=message.step,
        is_bigendian=bool(message.is_bigendian),
        data=np.asarray(message.data, np.uint8),
    )


def _compressed_image(message: Any, received_s: float) -> Sample:
    return CompressedImageSample(
        seconds_of(message.header.stamp), message.header.frame_id, message.format, bytes(message.data)
    )


def _joints(message: Any, received_s: float) -> Sample:
    positions = np.asarray(message.position, np.float64)
    return JointSample(seconds_of(message.header.stamp), tuple(message.name), positions)


def _pose(message: Any, received_s: float) -> Sample:
    position, turn = message.pose.position, message.pose.orientation
    return PoseSample(
        seconds_of(message.header.stamp),
        message.header.frame_id,
        np.array([position.x, position.y, position.z]),
        np.array([turn.x, turn.y, turn.z, turn.w]),
    )


def _number(message: Any, received_s: float) -> Sample:
    return NumberSample(received_s, float(message.data))


#: Message type of a contract's stream -> how it is read: (message, time of receipt on the stamp clock, s) -> sample.
READERS: dict[str, Callable[[Any, float], Sample]] = {
    "sensor_msgs/msg/Image": _image,
    "sensor_msgs/msg/CompressedImage": _compressed_image,
    "sensor_msgs/msg/JointState": _joints,
    "geometry_msgs/msg/PoseStamped": _pose,
    "std_msgs/msg/Float64": _number,
    "std_msgs/msg/Float32": _number,
}
