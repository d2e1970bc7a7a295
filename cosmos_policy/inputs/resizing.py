"""Pictures made larger or smaller as in training: with antialias, in float32, rounded once."""

from __future__ import annotations

import importlib.util
from typing import Literal

import numpy as np

from cosmos_policy.errors import UsageError


def resize(frames: np.ndarray, height: int, width: int, how: Literal["bicubic", "bilinear"]) -> np.ndarray:
    """uint8 [T, H, W, 3] -> uint8 [T, height, width, 3].

    With torch where it is installed, as training did. Elsewhere (a robot's computer) with Pillow, on float planes: the
    same filter; fewer than one pixel in a thousand then differs, by one level. Resizing in uint8 would clip between
    the two passes and be off by up to 16 levels at edges.
    """
    if importlib.util.find_spec("torch") is not None:
        return _with_torch(frames, height, width, how)
    return _with_pillow(frames, height, width, how)


def _with_torch(frames: np.ndarray, height: int, width: int, how: str) -> np.ndarray:
    import torch

    resized = np.empty((len(frames), height, width, 3), dtype=np.uint8)
    for index, frame in enumerate(frames):  # one by one: a long video would not fit as float32
        pixels = torch.tensor(np.ascontiguousarray(frame)).permute(2, 0, 1)[None].float()
        pixels = torch.nn.functional.interpolate(
            pixels, size=(height, width), mode=how, align_corners=False, antialias=True
        )
        resized[index] = pixels[0].round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
    return resized


def _with_pillow(frames: np.ndarray, height: int, width: int, how: str) -> np.ndarray:
    try:
        from PIL import Image
    except ModuleNotFoundError:
        raise UsageError(
            f"Frames of {frames.shape[2]}x{frames.shape[1]} pixels must be made {width}x{height}, which takes Pillow: "
            "install cosmos-policy[other-engines]."
        ) from None
    filters = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
    resized = np.empty((len(frames), height, width, 3), dtype=np.uint8)
    for index, frame in enumerate(frames):
        for channel in range(3):
            plane = Image.fromarray(np.ascontiguousarray(frame[:, :, channel], dtype=np.float32))
            made = np.asarray(plane.resize((width, height), filters[how]))
            resized[index, :, :, channel] = np.clip(np.round(made), 0, 255)
    return resized
