"""Egocentric hands: a head camera, two wrists and ten fingertips, 57 columns. RIGHT precedes LEFT.

Wrists move in the world; fingertips are points in the wrist's frame of the same instant. Recorded at 30 Hz, used at 15.
Source: cosmos-framework at 5eee9ed, `human_hand_pose_lerobot_dataset` (OpenMDW-1.1); `golden/hand_pose.npz`.
"""

from __future__ import annotations

import numpy as np

from embodiments import normalizers, statistics
from embodiments.blocks import Block, FingertipsBlock, PoseBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.pose_sources import HandPose, PoseParts
from embodiments.views import SingleView

# To x from thumb to little finger, y out of the palm, z from the wrist to the fingers.
_WRIST_ALIGNMENT = np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
_CAMERA = PoseParts("camera_position", "camera_rotation", "quaternion_xyzw", "head camera in the world")


_STATISTICS = statistics.shipped("egocentric")
_TIPS = {"right": slice(18, 33), "left": slice(42, 57)}


def _middle_of_tips(side: str) -> np.ndarray:
    """The middle of what the statistics hold, [5, 3] m, in the recorded wrist's frame."""
    middle = (_STATISTICS.get("q01") + _STATISTICS.get("q99"))[_TIPS[side]].reshape(5, 3) / 2.0
    return middle @ _WRIST_ALIGNMENT.T


def _hand(side: str) -> tuple[Block, Block]:
    wrist = PoseBlock(
        f"{side}_wrist",
        source=HandPose(_CAMERA, f"{side}_hand_positions", f"{side}_hand_rotations", _middle_of_tips(side)),
        to_opencv=_WRIST_ALIGNMENT,
        column_prefix=f"{side}_wrist_",
    )
    return wrist, FingertipsBlock(f"{side}_fingertips", wrist=wrist, column_prefix=f"{side}_")


EMBODIMENT = Embodiment(
    name="egocentric",
    title="Head camera and two hands",
    domain_name="hand_pose",
    domain_id=3,
    aliases=("hand_pose",),
    fps=15.0,
    chunk_size=16,
    blocks=(PoseBlock("camera", source=_CAMERA, column_prefix="camera_"), *_hand("right"), *_hand("left")),
    view_layout=SingleView("main"),
    view_label="ego_view",
    normalizer=normalizers.quantile(_STATISTICS, clamp=True),
    dataset_layouts=(
        DatasetLayout(
            name="human_hand_pose",
            fps=30.0,
            states={
                "camera_position": "observation.state.camera_position",
                "camera_rotation": "observation.state.camera_rotation",
                "right_hand_positions": "observation.state.hand_right_cam",
                "right_hand_rotations": "observation.state.hand_right_cam_rotation",
                "left_hand_positions": "observation.state.hand_left_cam",
                "left_hand_rotations": "observation.state.hand_left_cam_rotation",
            },
            views={"main": "observation.images.main"},
            widths={
                "observation.state.camera_position": (3,),
                "observation.state.camera_rotation": (4,),
                "observation.state.hand_right_cam": (63,),
                "observation.state.hand_right_cam_rotation": (84,),
                "observation.state.hand_left_cam": (63,),
                "observation.state.hand_left_cam_rotation": (84,),
            },
        ),
    ),
    example_image_size=(480, 640),
)
