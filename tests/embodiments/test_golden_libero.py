"""libero.npz: the controller's deltas in three widths, three normalisers, and the simulator's actions."""

from __future__ import annotations

import re

import numpy as np

import embodiments
from embodiments import Trajectory, normalizers, statistics
from embodiments.robots import libero


def trajectory(arrays, case: int) -> Trajectory:
    action = arrays["raw_action7"][case]
    return Trajectory(commands={"end_effector_delta": action[:, :6], "gripper_position": action[:, 6]})


def test_libero(watched):
    arrays = watched("libero.npz")
    kinds = {
        "norm_quantile_rot_f64": embodiments.get("libero").normalizer,
        "norm_minmax_global_f64": normalizers.minmax(statistics.shipped("libero_global")),
        "norm_meanstd_raw_f64": normalizers.meanstd(statistics.shipped("libero")),
    }
    for case, case_name in enumerate(arrays["case_names"]):
        for space in libero.ROTATIONS:
            unified = libero.with_rotation(space).encode(trajectory(arrays, case))
            np.testing.assert_allclose(
                unified, arrays[f"action_{space}_f64"][case], rtol=0, atol=1e-9, err_msg=f"{case_name} {space}"
            )
        unified = embodiments.get("libero").encode(trajectory(arrays, case))
        for key, normalizer in kinds.items():
            np.testing.assert_allclose(
                normalizer.normalize(unified), arrays[key][case], rtol=1e-11, atol=1e-8, err_msg=f"{case_name} {key}"
            )
        for key, to_opencv in (("native", False), ("opencv", True)):
            poses = libero.end_effector_poses(arrays["raw_state8"][case], to_opencv)
            np.testing.assert_allclose(poses, arrays[f"state_pose_{key}_f64"][case], rtol=0, atol=1e-9)

    server = normalizers.libero_server(statistics.shipped("libero"))
    modes = [match[1] for key in arrays if (match := re.fullmatch(r"inv_env7_(\w+)", key))]
    assert set(modes) == set(libero.GRIPPER_MODES)
    for case, model in enumerate(arrays["inv_norm"].astype(np.float64)):
        unified = server.denormalize(model)
        np.testing.assert_allclose(unified, arrays["inv_raw10_f64"][case], rtol=0, atol=1e-9)
        commands = embodiments.get("libero").decode(unified, {})
        ours = np.concatenate([commands["end_effector_delta"], commands["gripper_position"][:, None]], axis=1)
        np.testing.assert_allclose(ours, arrays["inv_delta7_f64"][case], rtol=0, atol=1e-9)
        for mode in modes:
            actions = libero.simulator_actions(commands, mode)
            np.testing.assert_allclose(actions, arrays[f"inv_env7_{mode}"][case], rtol=0, atol=1e-9, err_msg=mode)
    arrays.require_all_read()
