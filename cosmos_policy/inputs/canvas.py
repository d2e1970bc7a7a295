"""Canvases: the few picture sizes that Cosmos 3 was trained on, and how a frame of any size is brought onto one.

Source of the sizes and rules: NVIDIA/cosmos-framework 5eee9ed (``find_closest_target_size``,
``reflection_pad_to_target``, ``get_vision_data_resolution``). diffusers floors the input to multiples of 16 before it
fits it, and so conditions the network on another picture than training did; this follows training.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.inputs.resizing import resize
from cosmos_policy.types import check_frames

#: tier -> aspect ratio "width,height" -> (height, width) of the canvas in pixels
CANVASES: dict[int, dict[str, tuple[int, int]]] = {
    256: {"1,1": (256, 256), "4,3": (256, 320), "3,4": (320, 256), "16,9": (192, 320), "9,16": (320, 192)},
    480: {
        "1,1": (640, 640),
        "4,3": (544, 736),
        "3,4": (736, 544),
        "16,9": (480, 832),
        "9,16": (832, 480),
        "2,3": (768, 512),
    },
    704: {"1,1": (960, 960), "4,3": (832, 1088), "3,4": (1088, 832), "16,9": (704, 1280), "9,16": (1280, 704)},
    720: {"1,1": (960, 960), "4,3": (832, 1104), "3,4": (1104, 832), "16,9": (720, 1280), "9,16": (1280, 720)},
    768: {"1,1": (1024, 1024), "4,3": (880, 1184), "3,4": (1184, 880), "16,9": (768, 1360), "9,16": (1360, 768)},
}

#: (largest smaller side in pixels, tier), in rising order: what an input of unknown tier is given
AUTOMATIC_TIERS = ((256, 256), (640, 480), (960, 720), (2048, 768))

LATENT_CELL_PIXELS = 16


@dataclass(frozen=True)
class Fit:
    """How one frame size lands on one canvas. All sizes in pixels.

    canvas_height, canvas_width: the picture that the autoencoder encodes.
    content_height, content_width: the part of it, top left, that shows the frame; the rest is padding.
    pad_mode: "reflect", or "edge" (repeat the border) where there is less content than padding; None without padding.
    """

    canvas_height: int
    canvas_width: int
    content_height: int
    content_width: int
    pad_mode: str | None

    @property
    def pad_right(self) -> int:
        return self.canvas_width - self.content_width

    @property
    def pad_bottom(self) -> int:
        return self.canvas_height - self.content_height

    @property
    def visible_height(self) -> int:
        """Rows of content that whole latent cells cover: the height of decoded frames."""
        return LATENT_CELL_PIXELS * max(self.content_height // LATENT_CELL_PIXELS, 1)

    @property
    def visible_width(self) -> int:
        """Columns of content that whole latent cells cover: the width of decoded frames."""
        return LATENT_CELL_PIXELS * max(self.content_width // LATENT_CELL_PIXELS, 1)


def choose_tier(height: int, width: int) -> int:
    """The tier for a frame of `height` x `width` pixels where nobody named one, by its smaller side."""
    smaller = min(height, width)
    for limit, tier in AUTOMATIC_TIERS:
        if smaller <= limit:
            return tier
    raise UsageError(
        f"A frame of {width}x{height} pixels is too large for every canvas: its smaller side may have at most "
        f"{AUTOMATIC_TIERS[-1][0]} pixels; scale it down first."
    )


def plan_fit(height: int, width: int, tier: int | None = None) -> Fit:
    """Where a frame of `height` x `width` pixels lands on the canvases of `tier` (None: :func:`choose_tier`).

    The canvas with the nearest height/width ratio is taken; frames are made smaller where they must, never larger.
    """
    if tier is None:
        tier = choose_tier(height, width)
    if tier not in CANVASES:
        raise UsageError(f"Resolution tier {tier!r} does not exist; choose one of {', '.join(map(str, CANVASES))}.")
    canvas_height, canvas_width = min(
        CANVASES[tier].values(), key=lambda canvas: abs(canvas[0] / canvas[1] - height / width)
    )
    scale = min(canvas_width / width, canvas_height / height, 1.0)
    content_height, content_width = max(1, int(scale * height + 0.5)), max(1, int(scale * width + 0.5))
    pad_bottom, pad_right = canvas_height - content_height, canvas_width - content_width
    pad_mode = None
    if pad_bottom or pad_right:
        pad_mode = "edge" if pad_bottom >= content_height or pad_right >= content_width else "reflect"
    return Fit(canvas_height, canvas_width, content_height, content_width, pad_mode)


def _fit_content(frames: np.ndarray, fit: Fit) -> np.ndarray:
    if frames.shape[1:3] == (fit.content_height, fit.content_width):
        return frames
    return resize(frames, fit.content_height, fit.content_width, "bicubic")


def fit_frames(frames: np.ndarray, tier: int | None = None) -> tuple[np.ndarray, Fit]:
    """Frames brought onto their canvas as in training.

    frames: uint8 [T, H, W, 3]. Returns uint8 [T, canvas height, canvas width, 3] and the :class:`Fit`.
    """
    frames = check_frames(frames, "frames", 4)
    fit = plan_fit(frames.shape[1], frames.shape[2], tier)
    content = _fit_content(frames, fit)
    if fit.pad_mode is None:
        return content, fit
    return np.pad(content, ((0, 0), (0, fit.pad_bottom), (0, fit.pad_right), (0, 0)), mode=fit.pad_mode), fit


def visible_content(frames: np.ndarray, tier: int | None = None) -> np.ndarray:
    """The part of recorded frames that predicted frames show, at the same size: what the two are compared on.

    frames: uint8 [T, H, W, 3]. Returns uint8 [T, visible height, visible width, 3] (see :class:`Fit`).
    """
    canvas, fit = fit_frames(frames, tier)
    return canvas[:, : fit.visible_height, : fit.visible_width]
