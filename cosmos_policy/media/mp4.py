"""MP4 with H.264 and AAC through PyAV, as every browser plays it."""

from __future__ import annotations

from fractions import Fraction
from typing import BinaryIO

import numpy as np

SOUND_RATE_HZ = 48_000
#: samples in an AAC packet
_PACKET = 1024


def encode_mp4(
    target: BinaryIO | str,
    frames: np.ndarray,
    fps: float,
    *,
    sound: np.ndarray | None = None,
    comment: str | None = None,
    quality: int,
    preset: str,
) -> None:
    """Write `frames` and `sound` to a path or a seekable file.

    frames: uint8 [T, H, W, 3]; odd sizes lose their last row or column, which yuv420p cannot hold. fps: Hz.
    sound: float32 [2, samples] in [-1, 1] at 48 kHz. comment: kept as the file's metadata.
    quality: x264's constant rate factor, 23 is its default, lower is better and larger. preset: x264's.
    """
    import av

    height, width = (size - size % 2 for size in frames.shape[1:3])
    # ffmpeg puts the index in front by opening the file once more, by its name.
    options = {"movflags": "+faststart"} if isinstance(target, str) else {}
    with av.open(target, "w", format="mp4", options=options) as container:
        if comment is not None:
            container.metadata["comment"] = comment
        rate = Fraction(fps).limit_denominator(1001)
        video = container.add_stream("libx264", rate=rate)
        # Without x264's macroblock tree, whose vector code reads memory that nobody wrote where pictures are small: the
        # same pictures gave another file every time.
        video.options = {"crf": str(quality), "preset": preset, "g": "8", "mbtree": "0"}
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        audio = None if sound is None else container.add_stream("aac", rate=SOUND_RATE_HZ, layout="stereo")
        written = 0
        for index, frame in enumerate(frames):
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(video.encode(picture))
            # Sound goes in beside its pictures, so that a player need not look far for either.
            until = 0 if sound is None else round((index + 1) / rate * SOUND_RATE_HZ)
            while audio is not None and written + _PACKET <= min(until, sound.shape[1]):
                container.mux(audio.encode(_samples(sound, written, written + _PACKET)))
                written += _PACKET
        container.mux(video.encode(None))
        if audio is not None:
            for start in range(written, sound.shape[1], _PACKET):
                container.mux(audio.encode(_samples(sound, start, start + _PACKET)))
            container.mux(audio.encode(None))


def _samples(sound: np.ndarray, start: int, stop: int):
    """An ``av.AudioFrame`` of a stretch of the sound."""
    import av

    stretch = np.ascontiguousarray(sound[:, start:stop], dtype=np.float32)
    samples = av.AudioFrame.from_ndarray(stretch, format="fltp", layout="stereo")
    samples.sample_rate, samples.time_base, samples.pts = SOUND_RATE_HZ, Fraction(1, SOUND_RATE_HZ), start
    return samples
