"""RoboMIND dual Franka: left arm, then right arm, 20 columns.

Source: cosmos-framework at 5eee9ed, `robomind_franka_dataset` (OpenMDW-1.1); `golden/robomind_franka_dual.npz`.
"""

from __future__ import annotations

from embodiments import normalizers, statistics
from embodiments.blocks import Block, GripperBlock, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import PoseVector
from embodiments.robots.droid import FRANKA_TO_OPENCV, GRIPPER
from embodiments.views import OneOverTwo


def _arm(side: str) -> tuple[Block, Block]:
    return (
        PoseBlock(
            f"{side}_end_effector",
            source=PoseVector(f"{side}_cartesian_position", "euler_xyz", f"{side} end effector in the base frame"),
            to_opencv=FRANKA_TO_OPENCV,
            column_prefix=f"{side}_",
        ),
        GripperBlock(
            f"{side}_gripper",
            role="command",
            quantity=f"{side}_gripper_position",
            value_map=GRIPPER,
            column_prefix=f"{side}_",
        ),
    )


EMBODIMENT = Embodiment(
    name="dual_franka",
    title="RoboMIND dual Franka",
    domain_name="robomind-franka-dual",
    domain_id=12,
    aliases=("robomind-franka-dual",),
    fps=10.0,
    chunk_size=16,
    blocks=(*_arm("left"), *_arm("right")),
    view_layout=OneOverTwo("front", "left", "right"),
    view_label="concat_view",
    view_description=(
        "The top row shows a third-person perspective looking towards the dual-arm Franka robot from the front. The "
        "bottom-left view looks at the scene from the left side, and the bottom-right view looks at the scene from the "
        "right side."
    ),
    normalizer=normalizers.quantile(statistics.shipped("dual_franka")),
    dataset_layouts=(
        DatasetLayout(
            name="robomind_franka_dual",
            fps=10.0,
            states={
                "left_cartesian_position": "observation.states.end_effector[0:6]",
                "right_cartesian_position": "observation.states.end_effector[6:12]",
            },
            commands={
                "left_gripper_position": "actions.joint_position[7]",
                "right_gripper_position": "actions.joint_position[15]",
            },
            views={
                "front": "observation.images.camera_front",
                "left": "observation.images.camera_left",
                "right": "observation.images.camera_right",
            },
            widths={"observation.states.end_effector": (12,), "actions.joint_position": (16,)},
        ),
    ),
    example_image_size=(480, 640),
)
