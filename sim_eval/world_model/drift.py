"""How far a world has drifted: numbers about its last frame, as plain floats for ``info["drift"]``."""

from __future__ import annotations

import numpy as np

from sim_eval.metrics.images import PSNR_CEILING_DB, psnr_from_mse

#: Weights of red, green and blue in luma (ITU-R BT.601).
LUMA = np.array([0.299, 0.587, 0.114])


def drift_of(start: np.ndarray, last: np.ndarray, given: np.ndarray, reproduced: np.ndarray | None) -> dict[str, float]:
    """Facts about a world's last frame beside those of its start.

    start, last, given: uint8 [H, W, 3]; `given` is the frame that the last chunk was conditioned on. reproduced: uint8
    [h, w, 3], h <= H, w <= W, the same frame as the model gave it back; None before the first chunk.

    - ``seam_psnr_db``: `reproduced` against `given`: what one more trip through the autoencoder has cost.
    - ``change_psnr_db``: the last frame against the start: low is much changed, for better or worse.
    - ``sharpness``, ``start_sharpness``: variance of the Laplacian of luma, 8-bit levels squared; long roll-outs blur.
    - ``brightness``, ``start_brightness``: mean luma, in 8-bit levels; long roll-outs darken or burn out.
    """
    seam = PSNR_CEILING_DB
    if reproduced is not None:
        seam = _psnr(reproduced, given[: reproduced.shape[0], : reproduced.shape[1]])
    luma, start_luma = last @ LUMA, start @ LUMA
    return {
        "seam_psnr_db": seam,
        "change_psnr_db": _psnr(last, start),
        "sharpness": _sharpness(luma),
        "start_sharpness": _sharpness(start_luma),
        "brightness": float(luma.mean()),
        "start_brightness": float(start_luma.mean()),
    }


def _psnr(first: np.ndarray, second: np.ndarray) -> float:
    return float(psnr_from_mse(np.mean((first.astype(np.float64) - second) ** 2)))


def _sharpness(luma: np.ndarray) -> float:
    from scipy.ndimage import laplace

    return float(laplace(luma).var())
