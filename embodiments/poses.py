"""Poses as 4x4 body-to-world matrices, and the framewise deltas that Cosmos 3 is trained on. float64 throughout.

Convention "backward framewise" (cosmos-framework, pose_abs_to_rel): delta_i = inv(T_i) T_(i+1), hence
T_(i+1) = T_i delta_i. The translation of a delta is therefore expressed in the axes of the PREVIOUS body frame.
A delta is written as nine numbers: translation (m), then rot6d.
"""

from __future__ import annotations

import numpy as np

from embodiments import rotations
from embodiments.errors import EmbodimentError

DELTA_WIDTH = 9


def make_poses(position: np.ndarray, rotation_matrix: np.ndarray) -> np.ndarray:
    """float64 [..., 4, 4] from positions [..., 3] in metres and rotation matrices [..., 3, 3]."""
    poses = np.zeros((*rotation_matrix.shape[:-2], 4, 4))
    poses[..., :3, :3] = rotation_matrix
    poses[..., :3, 3] = position
    poses[..., 3, 3] = 1.0
    return poses


def invert(poses: np.ndarray) -> np.ndarray:
    """The inverse of rigid poses [..., 4, 4]."""
    turned_back = np.swapaxes(poses[..., :3, :3], -1, -2)
    return make_poses(-(turned_back @ poses[..., :3, 3:])[..., 0], turned_back)


def to_deltas(poses: np.ndarray) -> np.ndarray:
    """Framewise deltas, float64 [..., T, 9], of a path [..., T+1, 4, 4]."""
    # A true inverse, not the transpose: recorded matrices are float32 and orthonormal only to 1e-7, and training
    # inverted them as they are. Positions are subtracted first, so that large world coordinates cost no digits.
    turned_back = np.linalg.inv(poses[..., :-1, :3, :3])
    moved = poses[..., 1:, :3, 3:] - poses[..., :-1, :3, 3:]
    deltas = np.empty((*moved.shape[:-2], DELTA_WIDTH))
    deltas[..., :3] = (turned_back @ moved)[..., 0]
    turned = turned_back @ poses[..., 1:, :3, :3]
    deltas[..., 3:6] = turned[..., :, 0]
    deltas[..., 6:9] = turned[..., :, 1]
    return deltas


def from_deltas(deltas: np.ndarray, start: np.ndarray) -> np.ndarray:
    """The path [..., T+1, 4, 4] that begins at `start` [..., 4, 4] and follows the deltas [..., T, 9].

    Each delta's rotation is projected onto the nearest rotation first: a network's six numbers are never orthonormal.
    Leading axes are paths of their own (several arms at once).
    """
    steps = np.moveaxis(make_poses(deltas[..., :3], rotations.to_matrix(deltas[..., 3:9], "rot6d")), -3, 0)
    path = np.empty((len(steps) + 1, *steps.shape[1:]))
    path[0] = start
    for index, step in enumerate(steps):
        np.matmul(path[index], step, out=path[index + 1])
    return np.moveaxis(path, 0, -3)


def to_anchored_deltas(poses: np.ndarray) -> np.ndarray:
    """Deltas to the first pose instead of the previous one, [..., T, 9]: delta_i = inv(T_0) T_(i+1).

    Cosmos calls this "backward anchored"; none of its released robots uses it.
    """
    relative = np.linalg.inv(poses[..., :1, :, :]) @ poses[..., 1:, :, :]
    return np.concatenate([relative[..., :3, 3], rotations.from_matrix(relative[..., :3, :3], "rot6d")], axis=-1)


def frame_change(rotation: np.ndarray | None = None, translation: np.ndarray | None = None) -> np.ndarray:
    """A constant 4x4 from a 3x3 rotation and a translation in metres, each the identity where left out; read-only."""
    change = np.eye(4)
    if rotation is not None:
        change[:3, :3] = rotation
    if translation is not None:
        change[:3, 3] = translation
    change.flags.writeable = False
    return change


def require_poses(poses: np.ndarray, what: str, tolerance: float = 1e-3) -> None:
    """Raise `EmbodimentError` unless every 4x4 of `poses` [..., 4, 4] is a rigid pose within `tolerance`."""
    if poses.shape[-2:] != (4, 4):
        raise EmbodimentError(f"{what} must hold 4x4 poses, shape [..., 4, 4], but its shape is {list(poses.shape)}")
    turn = poses[..., :3, :3]
    error = np.abs(turn @ np.swapaxes(turn, -1, -2) - np.eye(3)).max(initial=0.0)
    last_row = np.abs(poses[..., 3, :] - np.array([0.0, 0.0, 0.0, 1.0])).max(initial=0.0)
    if error > tolerance or last_row > tolerance or (poses.size and np.linalg.det(turn).min() < 0.0):
        raise EmbodimentError(
            f"{what} holds a matrix that is no rigid pose (its axes are off by {max(error, last_row):.1e}, more than "
            f"{tolerance:.0e}); expected body-to-world 4x4 matrices with orthonormal right-handed axes"
        )
