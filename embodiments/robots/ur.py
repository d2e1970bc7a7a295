"""RoboMIND UR5e: flange motion by forward kinematics of the COMMANDED joints, and gripper command, 10 columns.

The recorded end-effector states are wrong (constant) in most episodes, so training took the commanded joints. The pose
is that of MuJoCo's `attachment_site` in MuJoCo's world frame: the maker's base-to-flange within 1.2 mm, rotation exact.
Commands come back Cartesian: there is no inverse kinematics in training, and none is invented here.

Source: cosmos-framework at 5eee9ed, `robomind_ur_dataset` (OpenMDW-1.1); `golden/robomind_ur.npz`, `ur5e_chain.json`.
"""

from __future__ import annotations

from embodiments import normalizers, statistics
from embodiments.blocks import GripperBlock, PoseBlock
from embodiments.columns import Field
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.kinematics import shipped_chain
from embodiments.pose_sources import ChainPose, JointField
from embodiments.robots.droid import GRIPPER
from embodiments.views import SingleView

_CHAIN = shipped_chain("ur5e", "attachment_site")
_JOINTS = Field(
    "joint_position",
    "command",
    (6,),
    "rad",
    "commanded joints, pan to wrist 3",
    _CHAIN.low,
    _CHAIN.high,
    swing=0.015,
)

EMBODIMENT = Embodiment(
    name="ur",
    title="RoboMIND UR5e",
    domain_name="robomind-ur",
    domain_id=13,
    aliases=("robomind-ur",),
    fps=10.0,
    chunk_size=16,
    blocks=(
        PoseBlock("end_effector", source=ChainPose(_CHAIN, (JointField(_JOINTS, (0, 1, 2, 3, 4, 5)),))),
        GripperBlock("gripper", role="command", value_map=GRIPPER),
    ),
    view_layout=SingleView("top"),
    view_label="third_person_view",
    normalizer=normalizers.quantile(statistics.shipped("ur")),
    dataset_layouts=(
        DatasetLayout(
            name="robomind_ur",
            fps=10.0,
            commands={
                "joint_position": "actions.joint_position[0:6]",
                "gripper_position": "actions.joint_position[6]",
            },
            views={"top": "observation.images.camera_top"},
            widths={"actions.joint_position": (7,)},
        ),
    ),
    example_image_size=(480, 640),
    notes=(
        "Give T+1 rows of commanded joints. The present state's `joint_position` is the command in force (measured "
        "joints serve as well while the arm rests). Commands come back as tool poses, not joints."
    ),
)
