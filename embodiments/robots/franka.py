"""RoboMIND Franka, one arm: end-effector motion and gripper command, 10 columns.

Source: cosmos-framework at 5eee9ed, `robomind_franka_dataset` (OpenMDW-1.1); `golden/robomind_franka.npz`. That 1 means
open in the model follows from the statistics and the column's name.
"""

from __future__ import annotations

import math

from embodiments import normalizers, statistics
from embodiments.blocks import GripperBlock, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.idle import IdleThresholds
from embodiments.pose_sources import PoseVector
from embodiments.robots.droid import FRANKA_TO_OPENCV, GRIPPER
from embodiments.views import OneOverTwo

EMBODIMENT = Embodiment(
    name="franka",
    title="RoboMIND Franka",
    domain_name="robomind-franka",
    domain_id=8,
    aliases=("robomind-franka",),
    fps=10.0,
    chunk_size=16,
    blocks=(
        PoseBlock(
            "end_effector",
            source=PoseVector("cartesian_position", "euler_xyz", "end effector in the base frame"),
            to_opencv=FRANKA_TO_OPENCV,
        ),
        GripperBlock("gripper", role="command", value_map=GRIPPER),
    ),
    view_layout=OneOverTwo("top", "left", "right"),
    view_label="concat_view",
    view_description=(
        "The top row shows a third-person perspective looking towards the single-arm Franka robot from above. The "
        "bottom-left view looks at the scene from the left side, and the bottom-right view looks at the scene from the "
        "right side."
    ),
    normalizer=normalizers.quantile(statistics.shipped("franka")),
    dataset_layouts=(
        DatasetLayout(
            name="robomind_franka",
            fps=10.0,
            states={"cartesian_position": "observation.states.end_effector"},
            commands={"gripper_position": "actions.joint_position[7]"},
            views={
                "top": "observation.images.camera_top",
                "left": "observation.images.camera_left",
                "right": "observation.images.camera_right",
            },
            widths={"observation.states.end_effector": (6,), "actions.joint_position": (8,)},
        ),
    ),
    # This arm is moved about three times as fast as other teleoperated ones; its data set class says so.
    idle_rule=IdleThresholds(translation=22e-3, rotation=math.radians(3.0)),
    example_image_size=(480, 640),
)
