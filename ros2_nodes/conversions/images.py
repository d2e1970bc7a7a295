"""Frames to sensor_msgs/Image and back."""

from __future__ import annotations

from array import array

import numpy as np
from sensor_msgs.msg import Image

from cosmos_policy.errors import UsageError
from ros2_nodes.conversions.stamps import to_stamp
from ros2_nodes.observing.images import decode_image
from ros2_nodes.observing.refusal import SampleRefused


def to_image(frame: np.ndarray, stamp_s: float, frame_id: str = "") -> Image:
    """An rgb8 message of a uint8 [H, W, 3] frame."""
    data = array("B")
    data.frombytes(np.ascontiguousarray(frame).tobytes())  # any other way into the field takes 100 times as long
    message = Image(height=frame.shape[0], width=frame.shape[1], encoding="rgb8", step=3 * frame.shape[1], data=data)
    message.header.stamp, message.header.frame_id = to_stamp(stamp_s), frame_id
    return message


def from_image(message: Image, what: str) -> np.ndarray:
    """uint8 [H, W, 3], RGB. Raises :class:`UsageError` where the message is no image of a known encoding."""
    try:
        return decode_image(
            message.encoding, message.height, message.width, message.step, message.data, bool(message.is_bigendian)
        )
    except SampleRefused as refused:
        raise UsageError(f"{what}: {refused.cause.detail}.") from None
