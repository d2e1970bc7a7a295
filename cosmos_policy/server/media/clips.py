"""Encoded video to frames, and frames (with sound) to MP4, through PyAV."""

from __future__ import annotations

import io

import av
import numpy as np

from cosmos_policy.media import mp4
from cosmos_policy.server.errors import Invalid, TooLarge
from cosmos_policy.server.settings import Limits

#: x264's constant rate factor: 17 is about visually lossless.
QUALITY = 17


def decode_clip(data: bytes, name: str, limits: Limits) -> np.ndarray:
    """uint8 [T, H, W, 3], RGB, every frame of the first video stream. Sizes are checked before frames are kept."""
    try:
        with av.open(io.BytesIO(data), mode="r") as container:
            if not container.streams.video:
                raise Invalid(f"{name} holds no video stream.")
            stream = container.streams.video[0]
            pixels = stream.codec_context.width * stream.codec_context.height
            if pixels > limits.image_pixels:
                raise TooLarge(f"{name} has frames of {pixels} pixels; at most {limits.image_pixels} are taken.")
            frames: list[np.ndarray] = []
            for frame in container.decode(stream):
                if len(frames) >= limits.frames or (len(frames) + 1) * frame.width * frame.height > limits.clip_pixels:
                    raise TooLarge(f"{name} is too long: at most {limits.frames} frames of moderate size are taken.")
                frames.append(frame.to_ndarray(format="rgb24"))
    except (av.error.FFmpegError, ValueError, EOFError) as error:
        raise Invalid(f"{name} is no video that can be read: {str(error)[:100]}.") from None
    if not frames:
        raise Invalid(f"{name} holds no frames.")
    if len({frame.shape for frame in frames}) > 1:
        raise Invalid(f"{name} changes its frame size on the way; expected one size.")
    return np.stack(frames)


def encode_mp4(frames: np.ndarray, fps: float, sound: np.ndarray | None = None, comment: str | None = None) -> bytes:
    """MP4 bytes: see :func:`cosmos_policy.media.mp4.encode_mp4`."""
    buffer = io.BytesIO()
    mp4.encode_mp4(buffer, frames, fps, sound=sound, comment=comment, quality=QUALITY, preset="veryfast")
    return buffer.getvalue()
