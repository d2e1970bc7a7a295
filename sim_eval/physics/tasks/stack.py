"""Stack a small cube on a larger one (robosuite's ``Stack``)."""

import numpy as np

from sim_eval.physics.grasping import above, carry, rise, stay
from sim_eval.physics.tasks.base import MotionLimits, Phase, Task

_SPAN_M = 0.045
"""Between the cubes' centres when one stands on the other: half of 4 cm and half of 5 cm."""


def _scene_options(seed: int, placement: float) -> dict:
    """Both cubes anywhere in 20 by 30 cm, turned any way, clear of each other; robosuite's own area is 16 by 16 cm."""
    from robosuite.utils.placement_samplers import UniformRandomSampler

    sampler = UniformRandomSampler(
        name="CubeSampler",
        x_range=(-0.04 - 0.10 * placement, -0.04 + 0.10 * placement),
        y_range=(-0.10 - 0.05 * placement, 0.10 + 0.05 * placement),
        rotation=None,
        ensure_object_boundary_in_range=False,
        ensure_valid_placement=True,
        reference_pos=np.array([0.0, 0.0, 0.8]),  # the table top of Stack
        z_offset=0.001,
        rng=np.random.default_rng(seed),
    )
    return {"placement_initializer": sampler}


_FREE = MotionLimits(speed_m_per_s=0.20, acceleration_m_per_s2=0.4)
_CAREFUL = MotionLimits(speed_m_per_s=0.10, acceleration_m_per_s2=0.3)

TASK = Task(
    name="stack",
    environment="Stack",
    instruction="put the red cube on the green cube",
    objects={"red cube": "cubeA_main", "green cube": "cubeB_main"},
    scene_options=_scene_options,
    time_limit_s=20.0,
    phases=(
        Phase("reach", above("red cube", 0.10), 0.0, _FREE, position_tolerance_m=0.03),
        Phase("descend", above("red cube", 0.0), 0.0, _CAREFUL, position_tolerance_m=0.004),
        Phase("grasp", stay, 1.0, _CAREFUL, position_tolerance_m=0.01, dwell_s=0.6),
        Phase("lift", rise(0.10), 1.0, _FREE, position_tolerance_m=0.02),
        Phase("carry", carry("red cube", "green cube", 0.10), 1.0, _FREE, position_tolerance_m=0.006),
        Phase("lower", carry("red cube", "green cube", _SPAN_M + 0.002), 1.0, _CAREFUL, position_tolerance_m=0.003),
        Phase("release", stay, 0.0, _CAREFUL, position_tolerance_m=0.01, dwell_s=0.5),
        Phase("retreat", rise(0.12), 0.0, _FREE, position_tolerance_m=0.02, dwell_s=0.4),
    ),
)
