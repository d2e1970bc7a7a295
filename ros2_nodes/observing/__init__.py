"""From the newest message of every stream to one observation, or to reasons."""

from ros2_nodes.observing.buffer import StreamBuffer
from ros2_nodes.observing.images import decode_compressed, decode_image
from ros2_nodes.observing.refusal import Refusal, SampleRefused
from ros2_nodes.observing.sampler import Sampler, Snapshot
from ros2_nodes.observing.samples import (
    CompressedImageSample,
    ImageSample,
    JointSample,
    NumberSample,
    PoseSample,
    Sample,
)
from ros2_nodes.observing.transforms import TransformTree

__all__ = [
    "CompressedImageSample",
    "ImageSample",
    "JointSample",
    "NumberSample",
    "PoseSample",
    "Refusal",
    "Sample",
    "SampleRefused",
    "Sampler",
    "Snapshot",
    "StreamBuffer",
    "TransformTree",
    "decode_compressed",
    "decode_image",
]
