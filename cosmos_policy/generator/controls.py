"""Control videos: which kinds there are, and those that are computed here from an ordinary video."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from numbers import Integral, Real

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.generator.pictures import cover
from cosmos_policy.types import Transfer, check_frames

#: kinds in the order in which they stand before the made video (diffusers' names: edge, blur, depth, seg, wsm)
KINDS = ("edge", "blur", "depth", "segmentation", "world_scenario")
#: Canny's usual thresholds on 8-bit grey levels that were not smoothed; the blur's width as a share of the smaller side
EDGE_LOW, EDGE_HIGH, EDGE_SIGMA = 100.0, 200.0, 0.0
BLUR_SHARE = 0.02


def edges(video: np.ndarray) -> np.ndarray:
    """Canny edges, white on black. video: uint8 [T, H, W, 3] -> the same shape."""
    from skimage.color import rgb2gray
    from skimage.feature import canny

    found = np.empty_like(video)
    for frame, grey in zip(found, video, strict=True):
        lines = canny(255 * rgb2gray(grey), sigma=EDGE_SIGMA, low_threshold=EDGE_LOW, high_threshold=EDGE_HIGH)
        frame[:] = 255 * lines[..., None]
    return found


def blur(video: np.ndarray) -> np.ndarray:
    """A Gaussian blur that leaves colours and large shapes. video: uint8 [T, H, W, 3] -> the same shape."""
    from scipy.ndimage import gaussian_filter

    sigma = BLUR_SHARE * min(video.shape[1:3])
    return np.stack([gaussian_filter(frame, (sigma, sigma, 0)) for frame in video])


#: kinds that can be computed from a video; depth, segmentation and world scenarios come from other tools
COMPUTED: dict[str, Callable[[np.ndarray], np.ndarray]] = {"edge": edges, "blur": blur}


def compute_control(kind: str, video: np.ndarray) -> np.ndarray:
    """The control video of that kind. video: uint8 [T, H, W, 3]."""
    if kind not in KINDS:
        raise UsageError(f"There is no control {kind[:40]!r}; expected one of {', '.join(KINDS)}.")
    if kind not in COMPUTED:
        raise UsageError(f"{kind} is not computed here ({', '.join(COMPUTED)} are): give the control video itself.")
    return COMPUTED[kind](check_frames(video, "video", 4))


def check_transfer(transfer: Transfer) -> None:
    """Raise a :class:`UsageError` for controls that cannot be followed."""
    if not isinstance(transfer, Transfer) or not isinstance(transfer.videos, Mapping) or not transfer.videos:
        raise UsageError("transfer expects a Transfer with at least one control video.")
    strangers = [str(kind)[:40] for kind in transfer.videos if kind not in KINDS]
    if strangers:
        raise UsageError(f"There is no control {', '.join(strangers)}; expected {', '.join(KINDS)}.")
    for kind, video in transfer.videos.items():
        check_frames(video, f"the control video {kind}", 4)
    lengths = {kind: len(video) for kind, video in transfer.videos.items()}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{kind} {length}" for kind, length in lengths.items())
        raise UsageError(f"The control videos differ in length ({told} frames); expected one length.")
    if not (isinstance(transfer.guidance, Real) and math.isfinite(transfer.guidance)):
        raise UsageError(f"transfer.guidance is {transfer.guidance!r}; expected a finite number (1 switches it off).")
    interval = transfer.interval
    if interval is not None and not (len(interval) == 2 and interval[0] <= interval[1]):
        raise UsageError(f"transfer.interval is {interval!r}; expected (low, high) timesteps between 0 and 1001.")
    chunk = transfer.chunk_frames
    if chunk is not None and not (isinstance(chunk, Integral) and chunk >= 1):
        raise UsageError(f"transfer.chunk_frames is {chunk!r}; expected a number of frames.")


def take_controls(transfer: Transfer, size: tuple[int, int], count: int) -> list[np.ndarray]:
    """The control videos in their order, the first `count` frames: uint8 [count, height, width, 3] each."""
    return [cover(transfer.videos[kind][:count], size, kind) for kind in KINDS if kind in transfer.videos]
