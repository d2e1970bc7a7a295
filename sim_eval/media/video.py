"""H.264 videos for reports, written with PyAV."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np

#: x264's constant rate factor: 23 is its default, higher is smaller.
QUALITY = 26
PANEL_WIDTH = 480


def comparison_video(path: Path, recorded: np.ndarray, predicted: np.ndarray, fps: float) -> None:
    """Write recorded | predicted | absolute difference side by side; one file cannot fall out of step with itself.

    recorded, predicted: uint8 [T, H, W, 3]. Each panel is at most ``PANEL_WIDTH`` pixels wide.
    """
    difference = np.abs(recorded.astype(np.int16) - predicted.astype(np.int16)).astype(np.uint8)
    write_video(path, np.concatenate([_panel(frames) for frames in (recorded, predicted, difference)], axis=2), fps)


def write_video(path: Path, frames: np.ndarray, fps: float) -> None:
    """Write uint8 [T, H, W, 3] as MP4 (H.264, yuv420p, which every browser plays); sizes are cut to even numbers."""
    import av

    height, width = (size - size % 2 for size in frames.shape[1:3])
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".part")
    with av.open(str(beside), "w", format="mp4", options={"movflags": "+faststart"}) as container:
        options = {"crf": str(QUALITY), "preset": "medium", "g": "8"}
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(frame[:height, :width]), format="rgb24")
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    beside.replace(path)


def _panel(frames: np.ndarray) -> np.ndarray:
    """Frames scaled down to ``PANEL_WIDTH``, area-averaged by swscale; smaller ones stay as they are."""
    import av

    height, width = frames.shape[1:3]
    if width <= PANEL_WIDTH:
        return frames
    target = round(height * PANEL_WIDTH / width)
    shrunk = [
        av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")
        .reformat(width=PANEL_WIDTH, height=target, interpolation="AREA")
        .to_ndarray()
        for frame in frames
    ]
    return np.stack(shrunk)
