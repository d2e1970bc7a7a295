"""agibot_fk.npz and agibot_gripper_state.npz: kinematics from both state vectors, and gripper units."""

from __future__ import annotations

import numpy as np
import pytest

import embodiments
from embodiments.reading import InstantReader
from embodiments.robots import agibot


def poses_in_base(states: dict[str, np.ndarray], block: str) -> np.ndarray:
    """Forward kinematics row by row, each an instant of its own: no base motion, no alignment."""
    source = next(candidate for candidate in embodiments.get("agibot").pose_blocks if candidate.name == block).source
    rows = len(states["joint_position"])
    instants = ({name: values[row] for name, values in states.items()} for row in range(rows))
    return np.concatenate([source.chain_pose.poses(InstantReader(instant)) for instant in instants])


def poses_in_first_base(states: dict[str, np.ndarray], block: str) -> np.ndarray:
    """Poses of the path in the frame of the base at its first row."""
    from embodiments.reading import TrajectoryReader

    robot = embodiments.get("agibot")
    reader = TrajectoryReader(embodiments.Trajectory(states=states), robot.fields, robot.anchor_fields)
    return next(candidate for candidate in robot.pose_blocks if candidate.name == block).source.poses(reader)


def test_forward_kinematics(watched):
    arrays = watched("agibot_fk.npz")
    short, extended = (agibot.states_from_vector(arrays[key]) for key in ("state20", "ext_state"))
    for block in ("head_camera", "right_wrist", "left_wrist"):
        np.testing.assert_allclose(poses_in_base(short, block), arrays[f"std_{block}_f64"], rtol=0, atol=1e-9)
        ours = poses_in_first_base(extended, block)
        np.testing.assert_allclose(ours, arrays[f"ext_{block}_f64"], rtol=0, atol=1e-9)
    arrays.require_all_read()


def test_gripper_units(watched):
    arrays = watched("agibot_gripper_state.npz")
    value_map = agibot.AgiBotGripperMap()
    for key in arrays:
        if key.endswith("_in"):
            # These answers were computed from decimal inputs that went to disk as float32 afterwards: the rounding of
            # the input (2^-24 of a fraction of at most 1) is all that may remain.
            ours = value_map.to_model(arrays[key].astype(np.float64))
            np.testing.assert_allclose(ours, arrays[key.replace("_in", "_out_f64")], rtol=0, atol=6e-8, err_msg=key)
    # The golden tells only that its error cases raise ValueError, not what they were: three of ours stand for them.
    assert set(arrays["error_cases"]) == {"ValueError"}
    for values in ([0.0, 126.0], [-50.0, 0.0], [-1.0, 60.0]):
        with pytest.raises(ValueError, match="check the unit"):
            value_map.to_model(np.array(values))
    arrays.require_all_read()
