"""Hold the right hand over a cube, palm down: a humanoid's task in the scene of robosuite's ``Lift``."""

import numpy as np

from sim_eval.physics.grasping import CAREFUL, FREE
from sim_eval.physics.tasks.base import Goal, Phase, Task

_PALM_M = 0.08
"""From the wrist to the middle of the palm."""
PALM_DOWN = np.column_stack([[0.0, 0.0, -1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""A wrist with its fingers ahead (z) and its palm down (x)."""


def _scene_options(seed: int, placement: float) -> dict:
    """12 by 20 cm before the right half of the body: what its right hand reaches."""
    from robosuite.utils.placement_samplers import UniformRandomSampler

    sampler = UniformRandomSampler(
        name="CubeSampler",
        x_range=(-0.14 - 0.06 * placement, -0.14 + 0.06 * placement),
        y_range=(-0.12 - 0.10 * placement, -0.12 + 0.10 * placement),
        rotation=None,
        ensure_object_boundary_in_range=False,
        ensure_valid_placement=True,
        reference_pos=np.array([0.0, 0.0, 0.8]),  # the table top of Lift
        z_offset=0.001,
        rng=np.random.default_rng(seed),
    )
    return {"placement_initializer": sampler}


def _palm_above(height_m: float) -> Goal:
    def goal(humanoid, start: np.ndarray) -> np.ndarray:
        pose = np.eye(4)
        pose[:3, :3] = PALM_DOWN
        pose[:3, 3] = humanoid.object_pose("cube")[:3, 3] + [-_PALM_M, 0.0, height_m]
        return pose

    return goal


def _covered(humanoid) -> bool:
    """The palm looks down, 4 to 14 cm above the cube's middle and at most 4 cm beside it; the cube was left alone."""
    wrist = humanoid.state().wrist_poses["right"]
    cube, start = humanoid.object_pose("cube")[:3, 3], humanoid.start_pose("cube")[:3, 3]
    away = wrist[:3, 3] + _PALM_M * wrist[:3, 2] - cube
    left_alone = np.linalg.norm(cube - start) < 0.01
    over = 0.04 <= away[2] <= 0.14 and np.linalg.norm(away[:2]) <= 0.04
    return bool(left_alone and over and wrist[2, 0] < -np.cos(np.radians(30)))


TASK = Task(
    name="cover",
    environment="Lift",
    instruction="hold your right hand over the red cube",
    objects={"cube": "cube_main"},
    scene_options=_scene_options,
    time_limit_s=12.0,
    phases=(
        Phase("reach", _palm_above(0.20), 0.0, FREE, position_tolerance_m=0.03, is_approach=True),
        Phase("cover", _palm_above(0.09), 0.0, CAREFUL, position_tolerance_m=0.015, dwell_s=0.8),
    ),
    succeeded=_covered,
    body="a humanoid",
)
