"""How alike two frames are, over the part of the frame that shows something."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

#: Frames that differ by rounding to 8 bits alone have a mean squared error of 1/12, which is 58.92 dB. More than that
#: cannot be told from identical, so it is counted as that: the mean of a horizon with an identical frame stays finite.
PSNR_CEILING_DB = float(10 * np.log10(255.0**2 * 12))


@dataclass(frozen=True)
class FrameErrors:
    """Errors of T frames, one number a frame.

    mse: mean squared error in 8-bit levels squared. psnr_db: at most ``PSNR_CEILING_DB``. ssim: -1 to 1.
    """

    mse: np.ndarray
    psnr_db: np.ndarray
    ssim: np.ndarray


def psnr_from_mse(mse: np.ndarray) -> np.ndarray:
    """Peak signal-to-noise ratio (dB) of 8-bit frames from their mean squared error, capped at ``PSNR_CEILING_DB``."""
    floor = 255.0**2 / 10 ** (PSNR_CEILING_DB / 10)
    return 10 * np.log10(255.0**2 / np.maximum(np.asarray(mse, dtype=np.float64), floor))


def frame_errors(predicted: np.ndarray, recorded: np.ndarray, region: np.ndarray | None = None) -> FrameErrors:
    """Compare frames one by one.

    predicted, recorded: uint8 [T, H, W, 3]. region: bool [H, W], the pixels that count (None: all); views that a
    dataset lacks are blank in both and would flatter every figure.
    SSIM follows Wang et al. 2004 as scikit-image computes it (7x7 window), its map averaged over the region.
    """
    from skimage.metrics import structural_similarity

    if predicted.shape != recorded.shape or predicted.ndim != 4:
        raise ValueError(
            f"Frames of shapes {list(predicted.shape)} and {list(recorded.shape)} cannot be compared; "
            "both must be [T, H, W, 3]."
        )
    if region is None:
        region = np.ones(predicted.shape[1:3], dtype=bool)
    if region.shape != predicted.shape[1:3] or not region.any():
        raise ValueError(f"The region must be a mask {list(predicted.shape[1:3])} with at least one pixel set.")
    mse, ssim = [], []
    for mine, theirs in zip(predicted, recorded, strict=True):
        difference = mine[region].astype(np.float64) - theirs[region]
        mse.append(np.mean(difference**2))
        _, similarity = structural_similarity(mine, theirs, channel_axis=-1, data_range=255, full=True)
        ssim.append(similarity[region].mean())
    return FrameErrors(mse=np.array(mse), psnr_db=psnr_from_mse(np.array(mse)), ssim=np.array(ssim))
