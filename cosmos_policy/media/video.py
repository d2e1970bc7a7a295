"""Videos through PyAV: decoded to frames, and written as the MP4 that every browser plays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.media.mp4 import encode_mp4

#: x264's constant rate factor: 23 is its default, lower is better and larger.
QUALITY = 20


def read_video(path: Path, max_frames: int | None = None) -> tuple[np.ndarray, float]:
    """The frames of a video file, uint8 [T, H, W, 3], RGB, at most `max_frames`; and its frames per second.

    Raises :class:`UsageError` where the file is missing, is no video, or holds no frame.
    """
    import av

    if not path.is_file():
        raise UsageError(f"There is no video {path}.")
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UsageError(f"{path} holds no video stream.")
            stream = container.streams.video[0]
            rate = float(stream.average_rate or 0)
            frames = []
            for frame in container.decode(stream):
                if max_frames is not None and len(frames) == max_frames:
                    break
                frames.append(frame.to_ndarray(format="rgb24"))
    except av.error.FFmpegError as error:
        raise UsageError(f"{path} cannot be read as a video ({error}).") from error
    if not frames:
        raise UsageError(f"{path} holds no frame.")
    return np.stack(frames), rate


def write_video(path: Path, frames: np.ndarray, fps: float, quality: int = QUALITY) -> None:
    """Write frames, uint8 [T, H, W, 3], as MP4 (H.264, yuv420p); odd sizes lose their last row or column.

    quality: x264's constant rate factor. The file appears whole or not at all.
    """
    with written_whole(path) as unfinished:
        encode_mp4(str(unfinished), frames, fps, quality=quality, preset="medium")


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A file name to write to; the file is at `path` when it is done, and nowhere where that failed."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"The folder {path.parent} cannot be made: {error.strerror or error}.") from error
    unfinished = path.with_name(f"{path.name}.part")
    try:
        yield unfinished
        unfinished.replace(path)
    except OSError as error:
        raise Failure(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
