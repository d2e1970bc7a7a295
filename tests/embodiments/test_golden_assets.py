"""assets.npz: windows of a real DROID episode, and NVIDIA's AV and UMI sample actions. Not copied into the project."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from watched_arrays import Watched

import embodiments
from embodiments import Trajectory, normalizers

BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "golden"


@pytest.fixture
def arrays(golden_folder):
    for folder in (golden_folder, BESIDE_THE_CHECKOUT):
        if (folder / "assets.npz").is_file():
            with np.load(folder / "assets.npz") as content:
                return Watched("assets.npz", dict(content))
    pytest.skip("assets.npz holds NVIDIA's sample assets; it is neither in the golden folder nor in ../shared/golden")


def test_assets(arrays):
    droid = embodiments.get("droid")
    unclamped = normalizers.quantile(droid.normalizer.statistics)
    for window in range(len(arrays["window_starts"])):
        trajectory = Trajectory(
            states={"cartesian_position": arrays["cartesian_position"][window]},
            commands={"gripper_position": arrays["gripper_action"][window]},
        )
        unified = droid.encode(trajectory)
        np.testing.assert_allclose(unified, arrays["action_f64"][window], rtol=0, atol=1e-9)
        np.testing.assert_allclose(unclamped.normalize(unified), arrays["norm_f64"][window], rtol=1e-9, atol=1e-8)
        golden32 = arrays["norm_f32"][window]
        assert np.abs(unclamped.normalize(unified.astype(np.float32)) - golden32).max() <= 2 * 4.8e-4
        np.testing.assert_allclose(droid.normalize(unified), arrays["norm_clamped_f64"][window], rtol=0, atol=1e-8)
        start = droid.pose_blocks[0].tool_to_model
        anchor = droid.integrate(unified, trajectory.state_at(0))["end_effector"][0] @ start
        np.testing.assert_allclose(anchor, arrays["initial_pose_f64"][window], rtol=0, atol=1e-9)
        assert droid.count_idle_steps(unified) == arrays["idle_frames"][window]

    av, still = embodiments.get("av"), {"camera_to_world": np.eye(4)}
    for path in [match[1] for key in arrays if (match := re.fullmatch(r"(av_\w+)_model", key))]:
        unified = av.denormalize(arrays[f"{path}_model"])
        np.testing.assert_allclose(unified, arrays[f"{path}_raw_metres_f64"], rtol=0, atol=1e-9)
        np.testing.assert_allclose(
            av.integrate(unified, still)["camera"], arrays[f"{path}_poses_f64"], rtol=0, atol=1e-9
        )

    umi = embodiments.get("umi")
    unified = umi.denormalize(arrays["umi_model"])
    np.testing.assert_allclose(unified, arrays["umi_raw_f64"], rtol=0, atol=1e-9)
    from embodiments.poses import from_deltas

    np.testing.assert_allclose(from_deltas(unified[:, :9], np.eye(4)), arrays["umi_poses_f64"], rtol=0, atol=1e-9)
    arrays.require_all_read()
