"""DROID joint policy: seven absolute joint commands and the gripper, 8 columns, with one clean state row before them.

What Cosmos3-Nano-Policy-DROID and Cosmos3-Edge-Policy-DROID speak. Not normalised. 33 rows go into the network: the
present state [q, 1 - g], then 32 commands. Source: cosmos-framework at 5eee9ed, `droid_lerobot_dataset`
(action_space "joint_pos", use_state) and `action_policy_server_robolab`; `golden/droid_policy_server.npz`.
"""

from __future__ import annotations

import numpy as np

from embodiments.blocks import GripperBlock, joints_block
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.normalizers import Identity
from embodiments.robots.droid import GRIPPER, VIEW_DESCRIPTION, VIEW_FEATURES, VIEW_LAYOUT

# Franka Emika Panda, joint position limits of the maker's data sheet, rad.
JOINT_LOW = np.array([-2.8973, -1.7628, -2.8973, -3.0718, -2.8973, -0.0175, -2.8973])
JOINT_HIGH = np.array([2.8973, 1.7628, 2.8973, -0.0698, 2.8973, 3.7525, 2.8973])

EMBODIMENT = Embodiment(
    name="droid_joint",
    title="DROID Franka, joint positions",
    domain_name="droid_lerobot",
    domain_id=8,
    fps=15.0,
    chunk_size=32,
    state_rows=1,
    blocks=(
        joints_block("arm", "joint_position", JOINT_LOW, JOINT_HIGH),
        GripperBlock("gripper", role="command", value_map=GRIPPER),
    ),
    view_layout=VIEW_LAYOUT,
    view_label="concat_view",
    view_description=VIEW_DESCRIPTION,
    normalizer=Identity("trained on absolute joint positions in rad, without normalisation"),
    dataset_layouts=(
        DatasetLayout(
            name="droid_lerobot",
            fps=15.0,
            states={
                "cartesian_position": "observation.state.cartesian_position",
                "joint_position": "observation.state.joint_positions",
                "gripper_position": "observation.state.gripper_position",
            },
            commands={"joint_position": "action.joint_position", "gripper_position": "action.gripper_position"},
            views=VIEW_FEATURES,
            widths={
                "observation.state.cartesian_position": (6,),
                "observation.state.joint_positions": (7,),
                "observation.state.gripper_position": (1,),
                "action.joint_position": (7,),
                "action.gripper_position": (1,),
            },
        ),
        DatasetLayout(  # what our ROS 2 recordings hold: nobody there knows the tool's pose
            name="droid_joints_only",
            fps=15.0,
            states={
                "joint_position": "observation.state.joint_positions",
                "gripper_position": "observation.state.gripper_position",
            },
            commands={"joint_position": "action.joint_position", "gripper_position": "action.gripper_position"},
            views=VIEW_FEATURES,
            widths={
                "observation.state.joint_positions": (7,),
                "observation.state.gripper_position": (1,),
                "action.joint_position": (7,),
                "action.gripper_position": (1,),
            },
        ),
    ),
    notes="The server that was released with these checkpoints does not clip the gripper either.",
)
