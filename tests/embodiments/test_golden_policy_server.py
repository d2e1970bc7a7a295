"""droid_policy_server.npz: the rows that the released DROID server feeds its model, and what it makes of the answer.

The prompts in the .json belong to the tests of `cosmos_policy/inputs`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import embodiments
from embodiments.blocks import GripperBlock, PoseBlock
from embodiments.pose_sources import PoseParts


def midtrain():
    """The server's 10-column mode: end-effector motion in the tool's own frame, not normalised."""
    droid = embodiments.get("droid")
    source = PoseParts("eef_pos", "eef_quat_xyzw", "quaternion_xyzw")
    blocks = (PoseBlock("end_effector", source=source), GripperBlock("gripper", role="command"))
    return replace(droid, name="droid_server_midtrain", blocks=blocks)


SPACES = {"joint_pos": lambda: embodiments.get("droid_joint"), "midtrain": midtrain}


@pytest.fixture
def cases(golden_json):
    """case number -> (action space, history rows, chunk rows)."""
    return {
        case["case"]: (case["action_space"], case["history_length"], case["model_action_shape"][0])
        for case in golden_json("droid_policy_server.json")["cases"]
    }


def test_rows_and_commands(cases, watched):
    arrays = watched("droid_policy_server.npz")
    for number, (space, history, rows) in cases.items():
        embodiment, prefix = SPACES[space](), f"c{number}_"
        observed = {
            "joint_position": arrays[f"{prefix}joint_position"],
            "gripper_position": arrays[f"{prefix}gripper_position"],
            "eef_pos": arrays[f"{prefix}eef_pos"],
            "eef_quat_xyzw": arrays[f"{prefix}eef_quat_xyzw"],
        }

        def state_at(row: int, observed: dict = observed) -> dict[str, np.ndarray]:
            return {name: values[row] for name, values in observed.items()}

        clean = np.concatenate([embodiment.encode_state(state_at(row)) for row in range(-history, 0)])
        fed = np.zeros((rows, embodiment.action_dim))
        fed[:history] = clean
        np.testing.assert_allclose(fed, arrays[f"{prefix}model_action_in_f64"], atol=1e-9)

        predicted = arrays[f"{prefix}model_pred"].astype(np.float64)[history:, : embodiment.action_dim]
        commands = embodiment.decode(predicted, state_at(-1))
        arm = (
            [commands["joint_position"]]
            if space == "joint_pos"
            else [commands["end_effector_position"], commands["end_effector_quaternion_xyzw"]]
        )
        ours = np.concatenate([*arm, commands["gripper_position"][:, None]], axis=1)
        golden = arrays[f"{prefix}server_action_f64"]
        if space == "midtrain":
            turned = np.sign((ours[:, 3:7] * golden[:, 3:7]).sum(axis=1, keepdims=True))
            ours[:, 3:7] *= turned
        np.testing.assert_allclose(ours, golden, atol=1e-9)
    arrays.require_all_read()
