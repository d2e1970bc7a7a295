"""What one message says, without the message: the nodes make these, everything below reads them.

stamp_s: when it was captured, seconds on the clock of message stamps (header.stamp; the time of receipt, on the same
clock, for messages without a header).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class ImageSample:
    """sensor_msgs/Image. data: the buffer as it came (uint8 [bytes]); nothing is copied until it is sampled."""

    stamp_s: float
    frame_id: str
    encoding: str
    height: int
    width: int
    step: int
    """Bytes a row."""
    is_bigendian: bool
    data: np.ndarray


@dataclass(frozen=True)
class CompressedImageSample:
    """sensor_msgs/CompressedImage: JPEG or PNG bytes."""

    stamp_s: float
    frame_id: str
    format: str
    data: bytes


@dataclass(frozen=True)
class JointSample:
    """sensor_msgs/JointState. positions: float64 [n], rad or m, in the order of `names`."""

    stamp_s: float
    names: tuple[str, ...]
    positions: np.ndarray


@dataclass(frozen=True)
class PoseSample:
    """geometry_msgs/PoseStamped, or a transform that was looked up: position m, quaternion xyzw, in `frame_id`."""

    stamp_s: float
    frame_id: str
    position: np.ndarray
    quaternion_xyzw: np.ndarray


@dataclass(frozen=True)
class NumberSample:
    """std_msgs/Float64 or Float32."""

    stamp_s: float
    value: float


Sample = ImageSample | CompressedImageSample | JointSample | PoseSample | NumberSample
