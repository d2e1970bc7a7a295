"""Fractal (RT-1, Google robot): end-effector motion and gripper command, 10 columns, one head camera.

Source: cosmos-framework at 5eee9ed, `fractal_lerobot_dataset` (OpenMDW-1.1); `golden/fractal.npz`, `tables.json`.
"""

from __future__ import annotations

import numpy as np

from embodiments import normalizers, statistics
from embodiments.blocks import GripperBlock, GripperMap, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import PoseVector
from embodiments.rotations import project_to_rotation
from embodiments.views import SingleView

# From the calibrated tool centre point back to the gripper body, by forward kinematics of the SimplerEnv model.
_TCP_TO_FLANGE = np.array(
    [
        [0.9999897671, -0.0008686425, 0.0044397163, -0.0050618476],
        [0.0008745501, 0.9999987346, -0.0013288658, -0.0016717725],
        [-0.0044385564, 0.0013327349, 0.9999892615, -0.1635144743],
        [0.0, 0.0, 0.0, 1.0],
    ]
)
# Published with ten digits, so its axes are orthonormal to 1e-10 only; made rigid, a pose comes back exactly.
_TCP_TO_FLANGE[:3, :3] = project_to_rotation(_TCP_TO_FLANGE[:3, :3])
_TO_OPENCV = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])

EMBODIMENT = Embodiment(
    name="fractal",
    title="Fractal Google robot",
    domain_name="fractal",
    domain_id=20,
    fps=3.0,
    chunk_size=16,
    blocks=(
        PoseBlock(
            "end_effector",
            source=PoseVector("end_effector_pose", "quaternion_xyzw", "tool centre point in the base frame"),
            tool_offset=_TCP_TO_FLANGE,
            to_opencv=_TO_OPENCV,
        ),
        GripperBlock("gripper", role="command", value_map=GripperMap(robot_open=1.0, robot_closed=0.0)),
    ),
    view_layout=SingleView("image"),
    view_label="ego_view",
    normalizer=normalizers.quantile(statistics.shipped("fractal")),
    resolution_tier=256,
    dataset_layouts=(
        DatasetLayout(
            name="fractal",
            fps=3.0,
            states={"end_effector_pose": "observation.state[0:7]"},
            commands={"gripper_position": "action[6]"},
            views={"image": "observation.images.image"},
            widths={"observation.state": (8,), "action": (7,)},
        ),
    ),
    example_image_size=(256, 320),
    notes="That gripper 1 means open is inferred; the released code does not say it. So is tier 256 of training.",
)
