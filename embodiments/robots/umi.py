"""UMI: a hand-held gripper tracked by its own camera, 10 columns. The gripper column is the width in metres.

The recording holds CAMERA poses; the model sees the motion of the end effector, a fixed step away from the camera.
Decoded commands give both. Source: cosmos-framework at 5eee9ed, `umi_lerobot_dataset` (OpenMDW-1.1); `golden/umi.npz`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embodiments import normalizers, statistics
from embodiments.blocks import GripperBlock, GripperMap, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import PoseVector
from embodiments.poses import frame_change
from embodiments.views import SingleView

END_EFFECTOR_IN_CAMERA = (0.0, 0.086, 0.09)
"""Of most UMI grippers, m in the camera's axes."""
FORWARD_END_EFFECTOR_IN_CAMERA = (0.0, 0.086, 0.056)
"""Of rigs with the camera farther forward (FastUMI, touch_in_the_wild), m."""

_GRIPPER = GripperMap(
    robot_open=0.097, robot_closed=0.0, model_open=0.097, model_closed=0.0, robot_unit="m", model_unit="m"
)

EMBODIMENT = Embodiment(
    name="umi",
    title="UMI hand-held gripper",
    domain_name="umi",
    domain_id=6,
    fps=10.0,
    chunk_size=16,
    blocks=(
        PoseBlock(
            "main_camera",
            source=PoseVector("main_camera_pose", "quaternion_wxyz", "main camera in the world frame"),
            tool_offset=frame_change(translation=np.array(END_EFFECTOR_IN_CAMERA)),
            model_frame="end_effector",
        ),
        GripperBlock("gripper", role="state", quantity="gripper_width", value_map=_GRIPPER),
    ),
    view_layout=SingleView("main_camera"),
    view_label="wrist_view",
    # The file is bimanual (right, left): one arm uses its first ten columns.
    normalizer=normalizers.quantile(statistics.shipped("umi_bimanual").first(10)),
    resolution_tier=256,
    dataset_layouts=(
        DatasetLayout(
            name="umi",
            fps=10.0,
            states={
                "main_camera_pose": "observation.state.right_main_camera_trajectory_xyz_wxyz",
                "gripper_width": "observation.state.right_gripper_width_m",
            },
            views={"main_camera": "observation.image.right_main_camera_rgb"},
            widths={
                "observation.state.right_main_camera_trajectory_xyz_wxyz": (7,),
                "observation.state.right_gripper_width_m": (1,),
            },
        ),
    ),
    example_image_size=(256, 256),
    notes=(
        "Rate 10 Hz is the data set class's default; NVIDIA's README says 20 Hz. The cookbook says ego_view, "
        "training says wrist_view. The widest gripper opening (0.097 m) is that of the statistics."
    ),
)


def with_end_effector_in_camera(translation: tuple[float, float, float]) -> Embodiment:
    """UMI with another place of the end effector in the camera's axes, m (`FORWARD_END_EFFECTOR_IN_CAMERA`)."""
    camera, *rest = EMBODIMENT.blocks
    moved = replace(camera, tool_offset=frame_change(translation=np.array(translation, dtype=np.float64)))
    return replace(EMBODIMENT, blocks=(moved, *rest))
