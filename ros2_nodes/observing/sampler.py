"""One observation from the newest sample of every stream, or the reasons why there is none. Nothing is filled in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosmos_policy.types import Observation
from ros2_nodes.contract import GripperStream, RobotContract, StateStream, ViewStream
from ros2_nodes.observing.buffer import StreamBuffer
from ros2_nodes.observing.images import decode_compressed, decode_image
from ros2_nodes.observing.refusal import Refusal, SampleRefused
from ros2_nodes.observing.samples import ImageSample, Sample
from ros2_nodes.observing.values import gripper_value, joints_by_name, pose_matrix, state_value
from ros2_nodes.reasons import Cause, Reason

_FUTURE_TOLERANCE_S = 0.02
"""Clocks of two machines that are kept together differ by milliseconds."""


@dataclass(frozen=True)
class Snapshot:
    """What was seen at one tick. measured: stream -> joints float64 [n] (rad, m), pose [4, 4] (m) or gripper [1].

    The observation's stamp is that of the oldest state (of the oldest view where there is no state): actions are
    relative to it.
    """

    observation: Observation
    measured: Mapping[str, np.ndarray]


class Sampler:
    """Samples the streams of a contract. :attr:`buffers`: stream name -> its buffer, for everything that is sampled."""

    def __init__(self, contract: RobotContract) -> None:
        self._contract = contract
        self.buffers = {name: StreamBuffer() for name in contract.sampled}

    def clear(self) -> None:
        """Forget all samples."""
        for buffer in self.buffers.values():
            buffer.clear()

    def ages_ms(self, now_s: float) -> dict[str, float]:
        """Age of every stream's newest sample, of those that have one."""
        return {name: 1e3 * (now_s - buffer.newest.stamp_s) for name, buffer in self.buffers.items() if buffer.newest}

    def sample(self, now_s: float) -> Snapshot | Refusal:
        """now_s: on the clock of message stamps."""
        causes = [cause for name in self.buffers for cause in self._time_causes(name, now_s)]
        measured: dict[str, np.ndarray] = {}
        for name, buffer in self.buffers.items():
            if buffer.newest is None:
                continue
            try:
                measured[name] = _read(self._contract.streams[name], buffer.newest)
            except SampleRefused as refused:
                causes.append(Cause(refused.cause.reason, f"{name}: {refused.cause.detail}"))
        if causes:
            return Refusal(tuple(causes))
        images = {name: measured.pop(name) for name in self._contract.views}
        state = {
            name: state_value(stream, measured[name]) if isinstance(stream, StateStream) else measured[name]
            for name, stream in self._contract.states.items()
        }
        stamps = [self.buffers[name].newest.stamp_s for name in (self._contract.states or self._contract.views)]
        return Snapshot(Observation(images, state, min(stamps)), measured)

    def _time_causes(self, name: str, now_s: float) -> list[Cause]:
        stream, sample = self._contract.streams[name], self.buffers[name].newest
        if sample is None:
            return [Cause(Reason.STREAM_MISSING, f"{name}: nothing has come on {stream.topic}")]
        age_s = now_s - sample.stamp_s
        if not math.isfinite(age_s):
            return [Cause(Reason.NOT_FINITE, f"{name}: its stamp is {sample.stamp_s} s")]
        if age_s < -_FUTURE_TOLERANCE_S:
            detail = f"{name}: its stamp lies {-1e3 * age_s:.0f} ms in the future; synchronise the clocks"
            return [Cause(Reason.STAMP_IN_FUTURE, detail)]
        if 1e3 * age_s > stream.max_age_ms:
            detail = f"{name}: {1e3 * age_s:.0f} ms old, more than {stream.max_age_ms:g} ms"
            return [Cause(Reason.TOO_OLD, detail)]
        newest = max(buffer.newest.stamp_s for buffer in self.buffers.values() if buffer.newest)
        skew_ms = 1e3 * (newest - sample.stamp_s)
        if skew_ms > stream.max_skew_ms:
            detail = f"{name}: {skew_ms:.0f} ms behind the newest stream, more than {stream.max_skew_ms:g} ms"
            return [Cause(Reason.SKEWED, detail)]
        return []


def _read(stream: ViewStream | StateStream | GripperStream, sample: Sample) -> np.ndarray:
    if isinstance(stream, ViewStream):
        return _read_image(stream, sample)
    if isinstance(stream, GripperStream):
        return gripper_value(stream, sample)
    return pose_matrix(sample, stream.frame) if stream.is_pose else joints_by_name(sample, stream.joints)


def _read_image(stream: ViewStream, sample: Sample) -> np.ndarray:
    if stream.frame is not None and sample.frame_id.lstrip("/") != stream.frame.lstrip("/"):
        raise SampleRefused(Reason.WRONG_FRAME, f"its frame is {sample.frame_id!r}, not {stream.frame!r}")
    height, width = stream.size
    if isinstance(sample, ImageSample):
        if (sample.height, sample.width) != (height, width):
            raise SampleRefused(
                Reason.WRONG_SIZE, f"the image is {sample.height}x{sample.width} (height x width), not {height}x{width}"
            )
        if sample.encoding != stream.encoding:
            raise SampleRefused(
                Reason.WRONG_ENCODING, f"the image is encoded as {sample.encoding!r}, not {stream.encoding!r}"
            )
        return decode_image(sample.encoding, sample.height, sample.width, sample.step, sample.data, sample.is_bigendian)
    image = decode_compressed(sample.data)
    if image.shape[:2] != (height, width):
        raise SampleRefused(
            Reason.WRONG_SIZE, f"the image is {image.shape[0]}x{image.shape[1]} (height x width), not {height}x{width}"
        )
    return image
