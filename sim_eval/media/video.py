"""Videos for reports: recorded, predicted and their difference in one file."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cosmos_policy.media import write_video

#: x264's constant rate factor: 23 is its default, higher is smaller.
QUALITY = 26
PANEL_WIDTH = 480


def comparison_video(path: Path, recorded: np.ndarray, predicted: np.ndarray, fps: float) -> None:
    """Write recorded | predicted | absolute difference side by side; one file cannot fall out of step with itself.

    recorded, predicted: uint8 [T, H, W, 3]. Each panel is at most ``PANEL_WIDTH`` pixels wide.
    """
    difference = np.abs(recorded.astype(np.int16) - predicted.astype(np.int16)).astype(np.uint8)
    panels = [_panel(frames) for frames in (recorded, predicted, difference)]
    write_video(path, np.concatenate(panels, axis=2), fps, quality=QUALITY)


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
