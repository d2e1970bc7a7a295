"""Rotations in the representations that robots and Cosmos 3 use, batched over leading axes, float64.

Conventions (facts of the Cosmos 3 action data):

* a matrix turns body vectors into world vectors;
* Euler "xyz" means R = Rz(yaw) Ry(pitch) Rx(roll), extrinsic x, y, z, radians, stored as (roll, pitch, yaw);
* rot6d is the FIRST COLUMN of the matrix, then its SECOND COLUMN: the identity is 1, 0, 0, 0, 1, 0.

scipy is imported by the first call that needs it: it takes longer to load than the rest of the package.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from embodiments.errors import EmbodimentError

REPRESENTATIONS = ("matrix", "rot6d", "rot9d", "euler_xyz", "quaternion_xyzw", "quaternion_wxyz", "axis_angle")
WIDTHS = {"rot6d": 6, "rot9d": 9, "euler_xyz": 3, "quaternion_xyzw": 4, "quaternion_wxyz": 4, "axis_angle": 3}

# A quaternion shorter than this carries no direction (same limit as the training code).
_SHORTEST_QUATERNION = 1e-8
# Two columns span a plane if their cross product is longer than this part of their squared length.
_SMALLEST_AREA = 1e-12
# Matrices that are farther from orthonormal than this (float32 recordings) are made so before angles are read.
_ORTHONORMAL = 1e-12


def to_matrix(rotation: np.ndarray, representation: str) -> np.ndarray:
    """Rotation matrices, float64 [..., 3, 3], from any of `REPRESENTATIONS`.

    A "matrix" is passed on unchecked; rot6d and rot9d are projected onto the nearest rotation; quaternions are
    normalised, and a zero quaternion raises `EmbodimentError`.
    """
    rotation = np.asarray(rotation, dtype=np.float64)
    _require_width(rotation, representation)
    return _TO_MATRIX[representation](rotation)


def from_matrix(matrix: np.ndarray, representation: str) -> np.ndarray:
    """The inverse of `to_matrix`; `matrix` must hold rotations, float64 [..., 3, 3].

    Angles come out in (-pi, pi], pitch in [-pi/2, pi/2]; at the Euler singularity yaw and roll share the turn in a way
    that gives the same matrix. Quaternions come out with unit length and the sign that scipy gives them.
    """
    matrix = np.asarray(matrix, dtype=np.float64)
    _require_width(matrix, "matrix")
    if representation not in _FROM_MATRIX:
        raise EmbodimentError(_unknown(representation))
    return _FROM_MATRIX[representation](matrix)


def project_to_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation nearest to each matrix in the Frobenius norm, float64 [..., 3, 3] (orthogonal Procrustes by SVD).

    Singular input gives some rotation, never an error: which one is the decomposition's choice.
    """
    left, _, right = np.linalg.svd(np.asarray(matrix, dtype=np.float64))
    sign = np.sign(np.linalg.det(left) * np.linalg.det(right))
    left[..., :, 2] *= sign[..., None]
    return left @ right


def _rot6d_to_matrix(rot6d: np.ndarray) -> np.ndarray:
    """Both columns corrected symmetrically, as the SVD projection of [a, b, a x b] does it, in closed form.

    With n the unit vector along a x b, the polar factor of [a b] is [a + b x n, b + n x a] up to one common length:
    it equals the SVD projection for every a, b that span a plane, at a tenth of the price. Rows that do not span a
    plane go through the SVD.
    """
    # One contiguous row a component: many short numpy calls on strided columns would cost five times as much.
    a0, a1, a2, b0, b1, b2 = components = np.ascontiguousarray(rot6d.reshape(-1, 6).T)
    n0, n1, n2 = a1 * b2 - a2 * b1, a2 * b0 - a0 * b2, a0 * b1 - a1 * b0
    area = np.sqrt(n0 * n0 + n1 * n1 + n2 * n2)
    squares = (components * components).sum(axis=0)
    flat = area <= _SMALLEST_AREA * squares + np.finfo(np.float64).tiny
    any_flat = bool(flat.any())
    if any_flat:
        area = np.where(flat, 1.0, area)
    n0, n1, n2 = n0 / area, n1 / area, n2 / area
    # |a + b x n|^2 = |b + n x a|^2 = |a|^2 + |b|^2 + 2 |a x b|: both columns are divided by the same length.
    shorter = 1.0 / np.sqrt(squares + 2.0 * area)
    matrix = np.empty((len(area), 3, 3))
    matrix[:, 0, 0] = (a0 + b1 * n2 - b2 * n1) * shorter
    matrix[:, 1, 0] = (a1 + b2 * n0 - b0 * n2) * shorter
    matrix[:, 2, 0] = (a2 + b0 * n1 - b1 * n0) * shorter
    matrix[:, 0, 1] = (b0 + n1 * a2 - n2 * a1) * shorter
    matrix[:, 1, 1] = (b1 + n2 * a0 - n0 * a2) * shorter
    matrix[:, 2, 1] = (b2 + n0 * a1 - n1 * a0) * shorter
    matrix[:, 0, 2], matrix[:, 1, 2], matrix[:, 2, 2] = n0, n1, n2
    if any_flat:
        first, second = components[:3, flat].T, components[3:, flat].T
        matrix[flat] = project_to_rotation(np.stack([first, second, np.cross(first, second)], axis=-1))
    return matrix.reshape(*rot6d.shape[:-1], 3, 3)


def _matrix_to_euler_xyz(matrix: np.ndarray) -> np.ndarray:
    """Roll, pitch, yaw. Roll is read after yaw was turned back, so that the three always give the matrix again.

    Near the singularity (pitch = +-pi/2) the usual formulas read roll and yaw from noise, each for itself; scipy
    switches there to yaw = 0 with a warning and an error of up to 1e-7 rad. Here an error in yaw is made good by roll.
    """
    if not _is_orthonormal(matrix):
        matrix = _scipy().from_matrix(matrix.reshape(-1, 3, 3)).as_matrix().reshape(matrix.shape)
    yaw = np.arctan2(matrix[..., 1, 0], matrix[..., 0, 0])
    sine, cosine = np.sin(yaw), np.cos(yaw)
    pitch = np.arctan2(-matrix[..., 2, 0], cosine * matrix[..., 0, 0] + sine * matrix[..., 1, 0])
    roll = np.arctan2(
        sine * matrix[..., 0, 2] - cosine * matrix[..., 1, 2], cosine * matrix[..., 1, 1] - sine * matrix[..., 0, 1]
    )
    return np.stack([roll, pitch, yaw], axis=-1)


def _euler_xyz_to_matrix(euler: np.ndarray) -> np.ndarray:
    return _scipy().from_euler("xyz", euler.reshape(-1, 3)).as_matrix().reshape(*euler.shape[:-1], 3, 3)


def _quaternion_to_matrix(quaternion: np.ndarray) -> np.ndarray:
    lengths = np.sqrt((quaternion * quaternion).sum(axis=-1))
    if lengths.size and float(lengths.min()) < _SHORTEST_QUATERNION:
        raise EmbodimentError(
            f"a quaternion has length {float(lengths.min()):.1e}, so it names no rotation; expected non-zero "
            "quaternions: drop or repair the rows of the recording where they are zero"
        )
    return _scipy().from_quat(quaternion.reshape(-1, 4)).as_matrix().reshape(*quaternion.shape[:-1], 3, 3)


def _matrix_to_quaternion(matrix: np.ndarray) -> np.ndarray:
    # scipy orthonormalises every matrix by SVD unless it is told (since 1.17) that there is no need.
    told = {"assume_valid": True} if _knows_assume_valid() and _is_orthonormal(matrix) else {}
    return _scipy().from_matrix(matrix.reshape(-1, 3, 3), **told).as_quat().reshape(*matrix.shape[:-2], 4)


def _axis_angle_to_matrix(axis_angle: np.ndarray) -> np.ndarray:
    return _scipy().from_rotvec(axis_angle.reshape(-1, 3)).as_matrix().reshape(*axis_angle.shape[:-1], 3, 3)


def _matrix_to_axis_angle(matrix: np.ndarray) -> np.ndarray:
    return _scipy().from_matrix(matrix.reshape(-1, 3, 3)).as_rotvec().reshape(*matrix.shape[:-2], 3)


def _matrix_to_rot6d(matrix: np.ndarray) -> np.ndarray:
    return np.concatenate([matrix[..., :, 0], matrix[..., :, 1]], axis=-1)


def _is_orthonormal(matrix: np.ndarray) -> bool:
    return np.abs(np.swapaxes(matrix, -1, -2) @ matrix - np.eye(3)).max(initial=0.0) <= _ORTHONORMAL


@cache
def _knows_assume_valid() -> bool:
    import scipy

    return tuple(int(part) for part in scipy.__version__.split(".")[:2]) >= (1, 17)


def _scipy() -> type:
    from scipy.spatial.transform import Rotation

    return Rotation


def _unknown(representation: str) -> str:
    return f"unknown rotation representation {representation!r}; expected one of {', '.join(REPRESENTATIONS)}"


def _require_width(rotation: np.ndarray, representation: str) -> None:
    if representation not in REPRESENTATIONS:
        raise EmbodimentError(_unknown(representation))
    expected = (3, 3) if representation == "matrix" else (WIDTHS[representation],)
    if rotation.shape[-len(expected) :] != expected:
        raise EmbodimentError(
            f"a {representation} rotation must have shape [..., {', '.join(map(str, expected))}], "
            f"but this one has shape {list(rotation.shape)}"
        )


_Map = Callable[[np.ndarray], np.ndarray]

_TO_MATRIX: dict[str, _Map] = {
    "matrix": lambda matrix: matrix,
    "rot6d": _rot6d_to_matrix,
    "rot9d": lambda rot9d: project_to_rotation(rot9d.reshape(*rot9d.shape[:-1], 3, 3)),
    "euler_xyz": _euler_xyz_to_matrix,
    "quaternion_xyzw": _quaternion_to_matrix,
    "quaternion_wxyz": lambda quaternion: _quaternion_to_matrix(np.roll(quaternion, -1, axis=-1)),
    "axis_angle": _axis_angle_to_matrix,
}

_FROM_MATRIX: dict[str, _Map] = {
    "matrix": lambda matrix: matrix,
    "rot6d": _matrix_to_rot6d,
    "rot9d": lambda matrix: matrix.reshape(*matrix.shape[:-2], 9),
    "euler_xyz": _matrix_to_euler_xyz,
    "quaternion_xyzw": _matrix_to_quaternion,
    "quaternion_wxyz": lambda matrix: np.roll(_matrix_to_quaternion(matrix), 1, axis=-1),
    "axis_angle": _matrix_to_axis_angle,
}
