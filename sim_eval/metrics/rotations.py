"""The angle between two orientations."""

from __future__ import annotations

import numpy as np

DEGREES_PER_RADIAN = 180.0 / np.pi


def geodesic_degrees(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Angle (degrees, 0 to 180) of the single rotation that turns `first` into `second`.

    first, second: rotation matrices [..., 3, 3]. Returns [...].

    ``atan2(sin, cos)`` from the antisymmetric part and the trace of ``first.T @ second``; the plain ``arccos`` of the
    trace cannot tell angles under a hundredth of a degree from zero in float32, nor near 180 degrees.
    """
    relative = np.swapaxes(np.asarray(first, dtype=np.float64), -1, -2) @ np.asarray(second, dtype=np.float64)
    axis = np.stack(
        [
            relative[..., 2, 1] - relative[..., 1, 2],
            relative[..., 0, 2] - relative[..., 2, 0],
            relative[..., 1, 0] - relative[..., 0, 1],
        ],
        axis=-1,
    )
    sine = np.linalg.norm(axis, axis=-1) / 2
    cosine = (np.trace(relative, axis1=-2, axis2=-1) - 1) / 2
    return np.arctan2(sine, cosine) * DEGREES_PER_RADIAN
