"""Pictures brought to the size that is generated."""

from __future__ import annotations

import math

import numpy as np

from cosmos_policy.inputs.resizing import resize
from cosmos_policy.types import check_frames


def cover(frames: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
    """Frames scaled until they cover `size` = (width, height), and cut to it around their middle.

    frames: uint8 [T, H, W, 3]. Returns uint8 [T, height, width, 3]. Bilinear with antialias in float32, as diffusers'
    ``Cosmos3OmniPipeline`` brings an image to size.
    """
    frames = check_frames(frames, name, 4)
    width, height = size
    source_height, source_width = frames.shape[1:3]
    if (source_width, source_height) == (width, height):
        return frames
    scale = max(width / source_width, height / source_height)
    tall, wide = math.ceil(scale * source_height), math.ceil(scale * source_width)
    top, left = round((tall - height) / 2), round((wide - width) / 2)
    covering = np.empty((len(frames), height, width, 3), dtype=np.uint8)
    for index in range(len(frames)):  # one by one: before it is cut, a frame may be many times as large
        scaled = resize(frames[index : index + 1], tall, wide, "bilinear")
        covering[index] = scaled[0, top : top + height, left : left + width]
    return covering


def lengthen(frames: np.ndarray, count: int) -> np.ndarray:
    """[T, ...] played forwards and backwards until there are `count` frames; a single one is repeated."""
    while len(frames) < count:
        missing = count - len(frames)
        more = frames[::-1][: min(len(frames) - 1, missing)]
        frames = np.concatenate([frames, more if len(more) else np.repeat(frames[-1:], missing, axis=0)])
    return frames
