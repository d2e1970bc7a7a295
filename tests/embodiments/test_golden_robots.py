"""Every golden array of every robot with poses, float64 and float32."""

from __future__ import annotations

import numpy as np
import pytest
from golden_robots import ROBOTS

import embodiments
from embodiments import normalizers, poses
from embodiments.blocks import Decoding
from embodiments.reading import TrajectoryReader

ACTION_TOLERANCE = 1e-9
# The golden actions carry 36 mantissa bits: this much rounding, divided by a column's half span, shows in the norm.
ACTION_ROUNDING = 5e-12
# Column 3 of AgiBot spans 1e-6, less than float32 resolves; the golden README leaves it out in float32.
NARROWEST_FLOAT32_SPAN = 1e-5

every_robot = pytest.mark.parametrize("name", ROBOTS)


def close(ours: np.ndarray, golden: np.ndarray, tolerance: float | np.ndarray, what: str) -> None:
    error = np.abs(ours - golden)
    assert ours.shape == golden.shape, what
    assert (error <= tolerance).all(), f"{what}: off by {error.max():.3e}, allowed {np.max(tolerance):.1e}"


def trajectories(name: str, arrays):
    robot = ROBOTS[name]
    for case, case_name in enumerate(arrays["case_names"]):
        yield case, f"{name} {case_name}", robot.trajectory(arrays, case)


@every_robot
def test_every_array_of_the_robot(name, watched):
    robot, embodiment = ROBOTS[name], embodiments.get(name)
    arrays = watched(robot.file)
    forward_float64(name, embodiment, arrays)
    inverse_float64(name, embodiment, arrays)
    float32(name, embodiment, arrays)
    state_rows(arrays)
    arrays.require_all_read()


def forward_float64(name, embodiment, arrays) -> None:
    statistics = embodiment.normalizer.statistics
    unclamped, clamped = normalizers.quantile(statistics), normalizers.quantile_rot(statistics, clamp=True)
    half_span = clamped.scale
    for case, what, trajectory in trajectories(name, arrays):
        unified = embodiment.encode(trajectory)
        close(unified, arrays["action_f64"][case], ACTION_TOLERANCE, f"{what} action")
        assert embodiment.count_idle_steps(unified) == arrays["idle_frames"][case], f"{what} idle steps"

        reader = TrajectoryReader(trajectory, embodiment.fields, embodiment.anchor_fields)
        for index, block in enumerate(ROBOTS[name].blocks):
            pose_block = next(candidate for candidate in embodiment.pose_blocks if candidate.name == block)
            close(
                pose_block.model_poses(reader), arrays[f"poses_{index}"][case], ACTION_TOLERANCE, f"{what} pose {block}"
            )

        golden = arrays["norm_f64"][case]
        allowed = np.maximum(1e-8, ACTION_ROUNDING / half_span) + 1e-11 * np.abs(golden)
        close(unclamped.normalize(unified), golden, allowed, f"{what} norm")
        golden_clamped = arrays["norm_clamped_f64"][case] if "norm_clamped_f64" in arrays else np.clip(golden, -1, 1)
        allowed = np.maximum(1e-8, ACTION_ROUNDING / half_span)
        close(clamped.normalize(unified), golden_clamped, allowed, f"{what} clamped norm")
        ours = embodiment.normalize(unified)
        if embodiment.normalizer.clamp:
            close(ours, golden_clamped, allowed, f"{what} shipped normaliser")
        else:
            np.testing.assert_array_equal(ours, unclamped.normalize(unified), f"{what} shipped normaliser")


def inverse_float64(name, embodiment, arrays) -> None:
    by_name = {block.name: block for block in embodiment.pose_blocks}
    for case, case_name in enumerate(arrays["inv_names"]):
        what = f"{name} {case_name}"
        unified = embodiment.denormalize(arrays["inv_norm"][case].astype(np.float64))
        close(unified, arrays["inv_raw_f64"][case], ACTION_TOLERANCE, f"{what} denormalised")
        paths = {}
        for index, block in enumerate(ROBOTS[name].blocks):
            start = arrays[f"inv_init_{index}"][case].astype(np.float64)
            path = paths[block] = poses.from_deltas(unified[:, by_name[block].columns], start)
            close(path, arrays[f"inv_poses_{index}"][case], ACTION_TOLERANCE, f"{what} path {block}")
            tool = by_name[block].tool_poses(path)
            # A block whose tool frame is the model's frame has no golden of its own: the two must agree.
            native = arrays.get(f"inv_native_{index}", arrays[f"inv_poses_{index}"])
            close(tool, native[case], ACTION_TOLERANCE, f"{what} tool path {block}")
        fingertips(embodiment, arrays, case, unified, paths, what)


def fingertips(embodiment, arrays, case, unified, paths, what) -> None:
    for side in ("right", "left"):
        key = f"inv_fingertips_world_{side}"
        if key in arrays:
            block = next(block for block in embodiment.blocks if block.name == f"{side}_fingertips")
            ours = block.decode(unified[:, block.columns], Decoding(paths, {}))[f"{side}_fingertips_world"]
            close(ours, arrays[key][case], ACTION_TOLERANCE, f"{what} {side} finger tips")


def float32(name, embodiment, arrays) -> None:
    """What a float32 caller gets, against the float64 truth and against training's own float32."""
    action_limit, norm_limit, pose_limit = ROBOTS[name].float32
    clamped = normalizers.quantile_rot(embodiment.normalizer.statistics, clamp=True)
    resolved = clamped.scale * 2.0 > NARROWEST_FLOAT32_SPAN
    for case, what, trajectory in trajectories(name, arrays):
        unified = embodiment.encode(trajectory).astype(np.float32)
        close(unified, arrays["action_f64"][case], action_limit, f"{what} float32 action")
        close(unified, arrays["action_f32"][case], action_limit, f"{what} action beside training's float32")
        model = clamped.normalize(unified)
        assert model.dtype == np.float32
        golden = arrays.get("norm_clamped_f64", np.clip(arrays["norm_f64"], -1.0, 1.0))[case]
        close(model[:, resolved], golden[:, resolved], norm_limit, f"{what} float32 clamped norm")
    for case, case_name in enumerate(arrays["inv_names"]):
        unified = embodiment.denormalize(arrays["inv_norm"][case])
        assert unified.dtype == np.float32
        for index, block in enumerate(ROBOTS[name].blocks):
            columns = next(candidate for candidate in embodiment.pose_blocks if candidate.name == block).columns
            path = poses.from_deltas(unified[:, columns].astype(np.float64), arrays[f"inv_init_{index}"][case])
            close(
                path.astype(np.float32),
                arrays[f"inv_poses_{index}"][case],
                pose_limit,
                f"{name} {case_name} float32 path {block}",
            )


def state_rows(arrays) -> None:
    """DROID's two forms with a state row before the chunk."""
    if "action_with_state_f64" not in arrays:
        return
    for name, key, idle in (("droid", "action", None), ("droid_joint", "joint_action", "joint_idle_frames")):
        embodiment = embodiments.get(name)
        for case, case_name in enumerate(arrays["case_names"]):
            trajectory = ROBOTS["droid"].trajectory(arrays, case)
            unified = embodiment.encode(trajectory)
            rows = np.concatenate([embodiment.encode_state(trajectory.state_at(0)), unified])
            close(rows, arrays[f"{key}_with_state_f64"][case], ACTION_TOLERANCE, f"{name} {case_name} with state")
            close(rows.astype(np.float32), arrays[f"{key}_with_state_f32"][case], 3.6e-7, f"{name} {case_name} float32")
            if idle:
                counted = embodiment.count_idle_steps(rows)
                assert counted == arrays[idle][case], f"{name} {case_name} idle steps"
