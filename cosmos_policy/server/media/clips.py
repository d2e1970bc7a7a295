"""Encoded video to frames, and frames (with sound) to MP4, through PyAV."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np

from cosmos_policy.server.errors import Invalid, TooLarge
from cosmos_policy.server.settings import Limits

#: x264's constant rate factor: 17 is about visually lossless.
QUALITY = "17"
SOUND_RATE_HZ = 48_000


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


def encode_mp4(frames: np.ndarray, fps: float, sound: np.ndarray | None = None) -> bytes:
    """MP4 bytes: H.264 (yuv420p), and AAC stereo at 48 kHz where there is sound.

    frames: uint8 [T, H, W, 3]; odd sizes lose their last row or column, which yuv420p cannot hold.
    sound: float32 [2, samples] in [-1, 1] at 48 kHz, or None.
    """
    height, width = frames.shape[1] // 2 * 2, frames.shape[2] // 2 * 2
    buffer = io.BytesIO()
    with av.open(buffer, mode="w", format="mp4") as container:
        video = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"crf": QUALITY, "preset": "veryfast"}
        audio = None
        if sound is not None:
            audio = container.add_stream("aac", rate=SOUND_RATE_HZ, layout="stereo")
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if audio is not None:
            samples = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound, dtype=np.float32), format="fltp", layout="stereo"
            )
            samples.sample_rate = SOUND_RATE_HZ
            samples.pts = 0
            container.mux(audio.encode(samples))
            container.mux(audio.encode(None))
    return buffer.getvalue()
