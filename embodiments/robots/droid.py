"""DROID: a Franka arm, end-effector motion, 10 columns. What the Cosmos 3 base model speaks.

The state is the tool pose of panda_link8 in the base frame; the gripper column is the command, turned round.
Source of every number: cosmos-framework at 5eee9ed, `droid_lerobot_dataset` (OpenMDW-1.1); `golden/droid.npz`.
"""

from __future__ import annotations

import numpy as np

from embodiments import normalizers, statistics
from embodiments.blocks import GripperBlock, GripperMap, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import PoseVector
from embodiments.views import OneOverTwo

# Re-labels the axes of panda_link8 as a camera that looks along the gripper (x right, y down, z forward).
FRANKA_TO_OPENCV = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
FRANKA_TO_OPENCV.flags.writeable = False

# 0 open, 1 closed on the robot; 1 open, 0 closed in the model.
GRIPPER = GripperMap(robot_open=0.0, robot_closed=1.0, model_open=1.0, model_closed=0.0)

VIEW_LAYOUT = OneOverTwo("wrist", "exterior_1", "exterior_2")
VIEW_DESCRIPTION = (
    "The top row is from the wrist-mounted camera. The bottom row contains two horizontally concatenated third-person "
    "perspective views of the scene from opposite sides, with the robot visible."
)
VIEW_FEATURES = {
    "wrist": "observation.image.wrist_image_left",
    "exterior_1": "observation.image.exterior_image_1_left",
    "exterior_2": "observation.image.exterior_image_2_left",
}

EMBODIMENT = Embodiment(
    name="droid",
    title="DROID Franka, end-effector motion",
    domain_name="droid_lerobot",
    domain_id=8,
    aliases=("droid_lerobot",),
    fps=15.0,
    chunk_size=16,
    blocks=(
        PoseBlock(
            "end_effector",
            source=PoseVector("cartesian_position", "euler_xyz", "panda_link8 in the base frame"),
            to_opencv=FRANKA_TO_OPENCV,
        ),
        GripperBlock("gripper", role="command", value_map=GRIPPER),
    ),
    view_layout=VIEW_LAYOUT,
    view_label="concat_view",
    view_description=VIEW_DESCRIPTION,
    normalizer=normalizers.quantile(statistics.shipped("droid"), clamp=True),
    dataset_layouts=(
        DatasetLayout(
            name="droid_lerobot",
            fps=15.0,
            states={
                "cartesian_position": "observation.state.cartesian_position",
                "gripper_position": "observation.state.gripper_position",
            },
            commands={"gripper_position": "action.gripper_position"},
            views=VIEW_FEATURES,
            widths={
                "observation.state.cartesian_position": (6,),
                "observation.state.gripper_position": (1,),
                "action.gripper_position": (1,),
            },
        ),
    ),
    notes=(
        "The base model was trained on data clamped to [-1, 1] after normalisation (its authors report it, the "
        "released code does not say it). The gripper command is not clipped here."
    ),
)
