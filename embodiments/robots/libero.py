"""LIBERO (simulation): the operational-space controller's own deltas, 10 columns; 7 or 13 with other rotations.

Translations are controller units (about -0.94 .. 0.94), not metres. The data's gripper is 1 open, 0 closed; the
simulator's is negative open. Source: cosmos-framework at 5eee9ed, `libero_lerobot_dataset`, `closed_loop_eval`
(OpenMDW-1.1); `golden/libero.npz`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from embodiments import normalizers, rotations, statistics
from embodiments.blocks import GripperBlock, GripperMap, PoseDeltaBlock
from embodiments.datasets import DatasetLayout
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.normalizers import Missing
from embodiments.poses import make_poses
from embodiments.robots.droid import FRANKA_TO_OPENCV
from embodiments.views import SideBySide

_DELTA = PoseDeltaBlock("end_effector", quantity="end_effector_delta")

EMBODIMENT = Embodiment(
    name="libero",
    title="LIBERO simulation, Franka",
    domain_name="libero",
    domain_id=5,
    fps=20.0,
    chunk_size=16,
    blocks=(
        _DELTA,
        GripperBlock("gripper", role="command", value_map=GripperMap(robot_open=1.0, robot_closed=0.0)),
    ),
    view_layout=SideBySide("third_person", "wrist", size=256),
    view_label="concat_view",
    view_description="The left half shows the third-person view; the right half shows the wrist-mounted camera.",
    normalizer=normalizers.quantile_rot(statistics.shipped("libero")),
    resolution_tier=256,
    dataset_layouts=(
        DatasetLayout(
            name="libero",
            fps=20.0,
            commands={"end_effector_delta": "action[0:6]", "gripper_position": "action[6]"},
            views={"third_person": "observation.images.image", "wrist": "observation.images.wrist_image"},
            widths={"action": (7,)},
        ),
    ),
    example_image_size=(256, 256),
    notes=(
        "Statistics were computed at 20 Hz; recordings at 10 Hz (public lerobot/libero_*) move twice as far a step. "
        "Simulator images are turned by 180 degrees before they are composed. Commands for the simulator: "
        "`embodiments.robots.libero.simulator_actions`."
    ),
)

ROTATIONS = {"3d": "axis_angle", "6d": "rot6d", "9d": "rot9d"}
GRIPPER_MODES = ("zero_one", "pm_one", "pm_one_flip")


def with_rotation(space: str) -> Embodiment:
    """LIBERO with its rotation written as "3d" (7 columns), "6d" (10) or "9d" (13); only 6d has statistics."""
    if space not in ROTATIONS:
        raise EmbodimentError(f"unknown rotation space {space!r} of LIBERO; expected one of {', '.join(ROTATIONS)}")
    if space == "6d":
        return EMBODIMENT
    _, gripper = EMBODIMENT.blocks
    return replace(
        EMBODIMENT,
        blocks=(replace(_DELTA, representation=ROTATIONS[space]), gripper),
        normalizer=Missing(f"LIBERO's statistics are published for the 6d rotation only, not for {space}"),
    )


def simulator_actions(commands: dict[str, np.ndarray], gripper_mode: str) -> np.ndarray:
    """Actions for the simulator, float64 [T, 7], from decoded commands.

    `gripper_mode` says what the gripper numbers of the checkpoint's data mean (`closed_loop_eval`): "zero_one", 1 open
    (NVIDIA's data) gives -clip(2 g - 1, -1, 1); "pm_one" clip(g, -1, 1); "pm_one_flip" clip(-g, -1, 1). No mode is
    assumed.
    """
    gripper = commands["gripper_position"]
    by_mode = {"zero_one": -(2.0 * gripper - 1.0), "pm_one": gripper, "pm_one_flip": -gripper}
    if gripper_mode not in by_mode:
        raise EmbodimentError(
            f"unknown gripper mode {gripper_mode!r} of LIBERO; expected one of {', '.join(GRIPPER_MODES)}"
        )
    return np.concatenate([commands["end_effector_delta"], np.clip(by_mode[gripper_mode], -1.0, 1.0)[:, None]], axis=1)


def end_effector_poses(state: np.ndarray, to_opencv: bool = False) -> np.ndarray:
    """Poses [rows, 4, 4] from recorded states [rows, 8]: xyz (m), axis-angle (rad), two fingers."""
    state = np.asarray(state, dtype=np.float64)
    turn = rotations.to_matrix(state[..., 3:6], "axis_angle")
    return make_poses(state[..., :3], turn @ FRANKA_TO_OPENCV if to_opencv else turn)
