"""av.npz and camera_pose.npz: 60-step camera paths, their model space and the way back."""

from __future__ import annotations

import re

import numpy as np
import pytest

import embodiments
from embodiments import Trajectory, normalizers, poses

# Three times what the golden README lists for training's own float32: action, noise-free round trip.
FLOAT32 = {"av": (2.8e-5, 6.3e-6), "camera": (3.0e-7, 2.4e-7)}


@pytest.mark.parametrize(("name", "file"), [("av", "av.npz"), ("camera", "camera_pose.npz")])
def test_camera_paths(name, file, watched):
    arrays = watched(file)
    (scale_text,) = {match[1] for key in arrays if (match := re.fullmatch(r"model_scale([\d.]+)_f64", key))}
    shipped = embodiments.get(name)
    if shipped.has_normalizer:
        embodiment = shipped
        assert shipped.normalizer.scale[0] == pytest.approx(1.0 / float(scale_text), abs=0.0)
    else:
        embodiment = shipped.with_normalizer(
            normalizers.translation_scale(float(scale_text), shipped.action_dim, (slice(0, 3),))
        )

    cases = arrays["raw_cam_to_world"].astype(np.float64)
    assert len(cases) == len(arrays["case_names"])
    for case, path in enumerate(cases):
        what = str(arrays["case_names"][case])
        trajectory = Trajectory(states={"camera_to_world": path})
        unified = embodiment.encode(trajectory)
        np.testing.assert_allclose(unified, arrays["action_f64"][case], rtol=0, atol=1e-9, err_msg=what)
        np.testing.assert_allclose(
            embodiment.normalize(unified), arrays[f"model_scale{scale_text}_f64"][case], rtol=0, atol=1e-9, err_msg=what
        )
        float32 = embodiment.encode(Trajectory(states={"camera_to_world": path.astype(np.float32)})).astype(np.float32)
        assert np.abs(float32 - arrays["action_f64"][case]).max() <= FLOAT32[name][0], what
        back = embodiment.integrate(unified, trajectory.state_at(0))["camera"]
        # The recorded matrices are float32: orthonormal to 1e-7, and integration makes every step a true rotation.
        extent = max(1.0, np.abs(path[:, :3, 3] - path[0, :3, 3]).max())
        np.testing.assert_allclose(back, path, rtol=0, atol=1e-5 * extent, err_msg=what)

    anchored = arrays["anchored_first2_f64"]
    np.testing.assert_allclose(poses.to_anchored_deltas(cases[: len(anchored)]), anchored, rtol=0, atol=1e-9)

    still = {"camera_to_world": np.eye(4)}
    for case, model in enumerate(arrays[f"inv_model_scale{scale_text}"]):
        golden = arrays[f"inv_poses_scale{scale_text}"][case]
        path = embodiment.integrate(embodiment.denormalize(model.astype(np.float64)), still)["camera"]
        np.testing.assert_allclose(path, golden, rtol=0, atol=1e-9)
        float32 = embodiment.integrate(embodiment.denormalize(model), still)["camera"].astype(np.float32)
        assert np.abs(float32 - golden).max() <= FLOAT32[name][1] * max(1.0, np.abs(golden).max())
    arrays.require_all_read()


def test_camera_asks_for_its_scale():
    camera = embodiments.get("camera")
    with pytest.raises(embodiments.EmbodimentError, match="not published the translation scale"):
        camera.normalize(camera.encode(camera.example_trajectory(4)))
