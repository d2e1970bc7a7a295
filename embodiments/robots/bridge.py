"""Bridge V2 (WidowX): end-effector motion and gripper command, 10 columns, one over-the-shoulder camera.

Source: cosmos-framework at 5eee9ed, `bridge_orig_lerobot_dataset` (OpenMDW-1.1); `golden/bridge.npz`.
"""

from __future__ import annotations

import numpy as np

from embodiments import normalizers, statistics
from embodiments.blocks import GripperBlock, GripperMap, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import PoseVector
from embodiments.poses import frame_change
from embodiments.views import SingleView

# The WidowX controller records R_state = R_kinematics @ inv(this).
_DEFAULT_ROTATION = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]])
# From ee_gripper_link back to gripper_link, the last body that moves, along its x axis, m.
_TCP_TO_FLANGE = np.array([-0.093575, 0.0, 0.0])
_TO_OPENCV = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, -1.0, 0.0]])

EMBODIMENT = Embodiment(
    name="bridge",
    title="Bridge V2 WidowX",
    domain_name="bridge_orig_lerobot",
    domain_id=7,
    aliases=("bridge_orig_lerobot",),
    fps=5.0,
    chunk_size=16,
    blocks=(
        PoseBlock(
            "end_effector",
            source=PoseVector("cartesian_position", "euler_xyz", "ee_gripper_link in the base frame"),
            tool_offset=frame_change(rotation=_DEFAULT_ROTATION) @ frame_change(translation=_TCP_TO_FLANGE),
            to_opencv=_TO_OPENCV,
        ),
        GripperBlock("gripper", role="command", value_map=GripperMap(robot_open=1.0, robot_closed=0.0)),
    ),
    view_layout=SingleView("image_0"),
    view_label="ego_view",
    normalizer=normalizers.quantile(statistics.shipped("bridge")),
    dataset_layouts=(
        DatasetLayout(
            name="bridge_orig_lerobot",
            fps=5.0,
            states={"cartesian_position": "observation.state[0:6]"},
            commands={"gripper_position": "action[6]"},
            views={"image_0": "observation.images.image_0"},
            # xyz, Euler xyz, then a gripper with or without a pad column before it.
            widths={"observation.state": (7, 8), "action": (7,)},
        ),
    ),
    example_image_size=(256, 256),
    notes="That gripper 1 means open and 0 closed follows from Bridge V2's convention; NVIDIA's code does not say it.",
)
