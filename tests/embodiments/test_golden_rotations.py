"""rotations.npz: every representation, valid matrices, and what networks emit."""

from __future__ import annotations

import numpy as np
import pytest

from embodiments import rotations

# golden name -> ours
REPRESENTATIONS = {
    "rot6d": "rot6d",
    "rot9d": "rot9d",
    "quat_xyzw": "quaternion_xyzw",
    "quat_wxyz": "quaternion_wxyz",
    "axisangle": "axis_angle",
    "euler_xyz": "euler_xyz",
}
# The valid matrices are float32 on disk: orthonormal to this.
FLOAT32 = 2e-7


@pytest.fixture
def arrays(watched):
    return watched("rotations.npz")


def same_sign(quaternions: np.ndarray, like: np.ndarray) -> np.ndarray:
    """A quaternion and its negative are one rotation: take the sign of `like`."""
    return quaternions * np.where((quaternions * like).sum(axis=-1, keepdims=True) < 0.0, -1.0, 1.0)


def test_rotations(arrays):
    valid = arrays["valid_matrix"].astype(np.float64)
    for golden_name, representation in REPRESENTATIONS.items():
        golden = arrays[f"valid_{golden_name}_f64"]
        back = rotations.to_matrix(golden, representation)
        np.testing.assert_allclose(back, valid, atol=FLOAT32, err_msg=f"{representation} to matrix")
        ours = rotations.from_matrix(valid, representation)
        if representation.startswith("quaternion"):
            ours = same_sign(ours, golden)
        # At half turns the axis has two signs, at gimbal lock roll and yaw share a turn: there the matrix decides.
        same = np.abs(ours - golden).max(axis=-1) <= 1e-9
        again = rotations.to_matrix(ours, representation)
        np.testing.assert_allclose(again, back, atol=1e-9, err_msg=f"{representation} from matrix")
        assert same.mean() >= 0.75, f"{representation}: only {same.mean():.0%} have the golden numbers"

    projected = arrays["net_matrix_projected_f64"]
    net = arrays["net_rot6d"].astype(np.float64)
    assert len(net) == len(arrays["net_rot6d_names"])
    raw = np.stack([net[:, :3], net[:, 3:], np.cross(net[:, :3], net[:, 3:])], axis=-1)
    np.testing.assert_allclose(raw, arrays["net_matrix_raw_f64"], atol=1e-9)
    ours = rotations.to_matrix(net, "rot6d")
    np.testing.assert_allclose(ours, projected, atol=1e-9)
    np.testing.assert_allclose(rotations.project_to_rotation(raw), projected, atol=1e-9)
    np.testing.assert_allclose(rotations.from_matrix(ours, "rot6d"), arrays["net_rot6d_projected_f64"], atol=1e-9)
    golden = arrays["net_quat_xyzw_projected_f64"]
    quaternions = same_sign(rotations.from_matrix(ours, "quaternion_xyzw"), golden)
    np.testing.assert_allclose(quaternions, golden, atol=1e-9)

    given, golden = arrays["rot9d_in"].astype(np.float64), arrays["rot9d_projected_f64"]
    improper = rotations.to_matrix(given, "rot9d")
    # A reflection with equal singular values has no unique nearest rotation: processors round its SVD apart.
    singular = np.linalg.svd(given.reshape(-1, 3, 3), compute_uv=False)
    unique = singular[:, 1] - singular[:, 2] > 1e-6
    assert unique.sum() == 4
    np.testing.assert_allclose(improper[unique], golden[unique], atol=1e-9)
    np.testing.assert_allclose(improper[~unique], golden[~unique], atol=1e-6)

    # Singular input has no answer of its own: the golden README asks for shape and finiteness only.
    ill = rotations.to_matrix(arrays["ill_rot6d"].astype(np.float64), "rot6d")
    assert ill.shape == arrays["ill_matrix_projected_f64"].shape
    np.testing.assert_allclose(ill @ np.swapaxes(ill, -1, -2), np.broadcast_to(np.eye(3), ill.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(ill), 1.0, atol=1e-9)
    arrays.require_all_read()
