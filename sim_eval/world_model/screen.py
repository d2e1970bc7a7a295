"""The one picture size that a world keeps from its start to its end, and how frames come to it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosmos_policy.errors import Failure
from cosmos_policy.inputs import fit_frames, plan_fit
from embodiments import Embodiment, EmbodimentError

#: Frames narrower than this are no pictures: what does not compose then never will.
SMALLEST_WIDTH = 16


@dataclass(frozen=True)
class Screen:
    """The content of the model's canvas: what a composed frame looks like once it was brought onto it.

    height, width: pixels. tier: the canvas tier. A frame of this size is put onto its canvas as it is, so that every
    chunk of a long roll-out shows the model the same geometry.
    """

    height: int
    width: int
    tier: int

    @classmethod
    def for_frame(cls, frame: np.ndarray, tier: int, robot: Embodiment | None = None) -> Screen:
        """The screen of worlds that start from composed frames of this size, uint8 [H, W, 3].

        robot: its views, cut from the screen, can be composed again (a policy looks at them); an odd column goes.
        """
        height, width = _settled(*frame.shape[:2], tier)
        while robot is not None and not _composes(robot, height, width):
            height, width = _settled(height, width - 1, tier)
        return cls(height, width, tier)

    def show(self, frame: np.ndarray) -> np.ndarray:
        """A composed frame of any size with this content, uint8 [height, width, 3]."""
        settled = _settled(*frame.shape[:2], self.tier)
        while frame.shape[:2] != settled:
            canvas, fit = fit_frames(frame[None], self.tier)
            frame = canvas[0, : fit.content_height, : fit.content_width]
        return frame[: self.height, : self.width].copy()

    def complete(self, frames: np.ndarray) -> np.ndarray:
        """Decoded frames, uint8 [T, h, w, 3], at the screen's size.

        Frames are decoded in whole latent cells of 16 pixels; up to 15 rows and columns at the bottom and right edge
        repeat the last decoded one.
        """
        fit = plan_fit(self.height, self.width, self.tier)
        if frames.ndim != 4 or frames.shape[1:] != (fit.visible_height, fit.visible_width, 3):
            raise Failure(
                f"The model gave frames of shape {list(frames.shape)} for a world of {self.width}x{self.height} pixels "
                f"(width x height); expected [T, {fit.visible_height}, {fit.visible_width}, 3]."
            )
        missing = ((0, 0), (0, self.height - frames.shape[1]), (0, self.width - frames.shape[2]), (0, 0))
        return np.pad(frames, missing, mode="edge")


def _settled(height: int, width: int, tier: int) -> tuple[int, int]:
    """The size at which a frame of `height` x `width` lies on its canvas, and stays when it is put there again."""
    while True:  # ends: content never grows
        fit = plan_fit(height, width, tier)
        if (fit.content_height, fit.content_width) == (height, width):
            return height, width
        height, width = fit.content_height, fit.content_width


def _composes(robot: Embodiment, height: int, width: int) -> bool:
    try:
        robot.compose(robot.split(np.zeros((height, width, 3), dtype=np.uint8)))
    except EmbodimentError:
        if width <= SMALLEST_WIDTH:
            raise
        return False
    return True
