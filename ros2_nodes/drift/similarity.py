"""How alike two pictures are, coarsely: what matters is where things are, not their edges."""

from __future__ import annotations

import numpy as np

_ROWS = 48
"""Pictures are brought to this height first: sharper than that a model does not predict."""
_WINDOW = 7
_LUMA = np.array([0.299, 0.587, 0.114])
"""ITU-R BT.601."""
_C1, _C2 = (0.01 * 255.0) ** 2, (0.03 * 255.0) ** 2
"""Z. Wang et al., Image quality assessment: from error visibility to structural similarity, 2004."""


def similarity(first: np.ndarray, second: np.ndarray) -> float:
    """Mean structural similarity (SSIM, uniform 7x7 windows) of two pictures' luminance at 48 rows: -1 to 1 (equal).

    first, second: uint8 [H, W, 3] of one aspect ratio; their sizes may differ, each at least 48 high and 7 wide.
    """
    columns = max(round(_ROWS * first.shape[1] / first.shape[0]), _WINDOW)
    a, b = (_shrunk(picture @ _LUMA, _ROWS, columns) for picture in (first, second))
    mean_a, mean_b = _window_mean(a), _window_mean(b)
    variance_a = _window_mean(a * a) - mean_a**2
    variance_b = _window_mean(b * b) - mean_b**2
    covariance = _window_mean(a * b) - mean_a * mean_b
    top = (2.0 * mean_a * mean_b + _C1) * (2.0 * covariance + _C2)
    bottom = (mean_a**2 + mean_b**2 + _C1) * (variance_a + variance_b + _C2)
    return float((top / bottom).mean())


def _shrunk(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means over cells, [rows, columns], of a picture that is larger."""
    row_edges = np.linspace(0, picture.shape[0], rows + 1).astype(np.intp)
    column_edges = np.linspace(0, picture.shape[1], columns + 1).astype(np.intp)
    sums = np.add.reduceat(np.add.reduceat(picture, row_edges[:-1], axis=0), column_edges[:-1], axis=1)
    return sums / np.outer(np.diff(row_edges), np.diff(column_edges))


def _window_mean(picture: np.ndarray) -> np.ndarray:
    """Means of all windows that lie within the picture."""
    total = np.pad(picture, ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    w = _WINDOW
    return (total[w:, w:] - total[:-w, w:] - total[w:, :-w] + total[:-w, :-w]) / w**2
