"""Lift a cube from the table (robosuite's ``Lift``)."""

import numpy as np

from sim_eval.physics.grasping import above, rise, stay
from sim_eval.physics.tasks.base import MotionLimits, Phase, Task


def _scene_options(seed: int, placement: float) -> dict:
    """The cube anywhere in 16 by 30 cm, turned any way: robosuite's own 6 by 6 cm would teach one spot."""
    from robosuite.utils.placement_samplers import UniformRandomSampler

    sampler = UniformRandomSampler(
        name="CubeSampler",
        x_range=(-0.04 - 0.08 * placement, -0.04 + 0.08 * placement),
        y_range=(-0.15 * placement, 0.15 * placement),
        rotation=None,
        ensure_object_boundary_in_range=False,
        ensure_valid_placement=True,
        reference_pos=np.array([0.0, 0.0, 0.8]),  # the table top of Lift
        z_offset=0.001,
        rng=np.random.default_rng(seed),
    )
    return {"placement_initializer": sampler}


# At 15 Hz these speeds keep the steps inside what DROID holds (its 1 % to 99 % quantiles), so that nothing is clamped.
_FREE = MotionLimits(speed_m_per_s=0.20, acceleration_m_per_s2=0.4)
_CAREFUL = MotionLimits(speed_m_per_s=0.10, acceleration_m_per_s2=0.3)

TASK = Task(
    name="lift",
    environment="Lift",
    instruction="lift the red cube",
    objects={"cube": "cube_main"},
    scene_options=_scene_options,
    time_limit_s=12.0,
    phases=(
        Phase("reach", above("cube", 0.10), 0.0, _FREE, position_tolerance_m=0.03),
        Phase("descend", above("cube", 0.0), 0.0, _CAREFUL, position_tolerance_m=0.004),
        Phase("grasp", stay, 1.0, _CAREFUL, position_tolerance_m=0.01, dwell_s=0.6),
        Phase("lift", rise(0.22), 1.0, _FREE, position_tolerance_m=0.01, dwell_s=0.5),
    ),
)
