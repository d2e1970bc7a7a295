"""Frames as files that any server reads, and its videos as frames."""

from __future__ import annotations

import importlib.util
import io
from fractions import Fraction

import numpy as np

from cosmos_policy.client.other_engines.video_jobs import Upload
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.media.mp4 import SOUND_RATE_HZ

#: A file's sound may end so many samples short of what was made: a latent's worth that was cut with the last frame, one
#: AAC packet, and one that the encoder looks ahead.
AAC_SLACK = 1920 + 2048


def require_libraries(clips: bool = True) -> None:
    """Raise a :class:`UsageError` where pictures (and `clips`) cannot be written and read here."""
    wanted = (("Pillow", "PIL"), ("av", "av")) if clips else (("Pillow", "PIL"),)
    missing = [name for name, module in wanted if importlib.util.find_spec(module) is None]
    if missing:
        raise UsageError(
            f"Other engines are sent pictures and videos as files, which takes {' and '.join(missing)}: install "
            "cosmos-policy[other-engines]."
        )


def as_png(frame: np.ndarray) -> Upload:
    """uint8 [H, W, 3] as a PNG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(frame)).save(buffer, format="PNG", compress_level=1)
    return Upload("frame.png", buffer.getvalue(), "image/png")


def as_clip(frames: np.ndarray, fps: float) -> Upload:
    """uint8 [T, H, W, 3] as an MP4 that holds every level of every pixel: H.264 in RGB, lossless.

    Every decoder built on FFmpeg reads it (PyAV, OpenCV, torchcodec on a CPU). Browsers and hardware decoders do not.
    """
    import av

    buffer = io.BytesIO()
    height, width = frames.shape[1:3]
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264rgb", rate=Fraction(fps).limit_denominator(1001))
        stream.options = {"qp": "0", "preset": "ultrafast"}
        stream.width, stream.height, stream.pix_fmt = width, height, "rgb24"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return Upload("frames.mp4", buffer.getvalue(), "video/mp4")


def read_picture(data: bytes, name: str) -> np.ndarray:
    """uint8 [H, W, 3], RGB, of an encoded picture; a :class:`Failure` where it is none."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            return np.array(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError) as error:
        raise Failure(f"{name} sent a picture that cannot be read ({error}).") from error


def read_clip(data: bytes, name: str) -> np.ndarray:
    """uint8 [T, H, W, 3], RGB, every frame of a video; a :class:`Failure` where there is none. H.264 is lossy: the
    frames are not to the level those that the model made."""
    import av

    try:
        with av.open(io.BytesIO(data)) as container:
            frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise Failure(f"{name} sent a video that cannot be read ({error}).") from error
    if not frames:
        raise Failure(f"{name} sent a video without frames.")
    return np.stack(frames)


def read_sound(data: bytes, samples: int, name: str) -> np.ndarray:
    """float32 [2, samples] at 48 kHz, the sound of a video, with silence where AAC ends a packet early."""
    import av

    resampler, pieces = av.AudioResampler("fltp", "stereo", SOUND_RATE_HZ), []
    try:
        with av.open(io.BytesIO(data)) as container:
            for frame in container.decode(audio=0):
                pieces += [piece.to_ndarray() for piece in resampler.resample(frame)]
    except (av.error.FFmpegError, IndexError, ValueError) as error:
        raise Failure(f"{name} sent a video without the sound that was asked for ({error}).") from error
    sound = np.concatenate([*pieces, np.zeros((2, AAC_SLACK), np.float32)], axis=1)
    if sound.shape[1] < samples:
        raise Failure(f"{name} sent {sound.shape[1] - AAC_SLACK} samples of sound; expected {samples}.")
    return np.ascontiguousarray(sound[:, :samples], dtype=np.float32)
