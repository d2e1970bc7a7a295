"""Put a can from one bin into its compartment of the other (robosuite's ``PickPlaceCan``)."""

from sim_eval.physics.grasping import carry, over, rise, stay
from sim_eval.physics.tasks.base import MotionLimits, Phase, Task


def _scene_options(seed: int, placement: float) -> dict:
    """Both bins 12 cm nearer than robosuite has them: a Panda with a Robotiq does not reach their far corners."""
    return {"bin1_pos": (-0.02, -0.25, 0.8), "bin2_pos": (-0.02, 0.28, 0.8)}


def _narrow(scene, placement: float) -> None:
    """robosuite's own area is the whole left bin, 29 by 39 cm."""
    sampler = scene.placement_initializer.samplers["CollisionObjectSampler"]
    sampler.x_range = [bound * placement for bound in sampler.x_range]
    sampler.y_range = [bound * placement for bound in sampler.y_range]


_FREE = MotionLimits(speed_m_per_s=0.25, acceleration_m_per_s2=0.5)
_CAREFUL = MotionLimits(speed_m_per_s=0.10, acceleration_m_per_s2=0.3)

TASK = Task(
    name="can",
    environment="PickPlaceCan",
    instruction="put the can into the bin",
    objects={"can": "Can_main", "place": "VisualCan_main"},
    scene_options=_scene_options,
    time_limit_s=20.0,
    phases=(
        Phase("reach", over("can", 0.14), 0.0, _FREE, position_tolerance_m=0.03),
        Phase("descend", over("can", 0.01), 0.0, _CAREFUL, position_tolerance_m=0.005),
        Phase("grasp", stay, 1.0, _CAREFUL, position_tolerance_m=0.01, dwell_s=0.6),
        Phase("lift", rise(0.17), 1.0, _FREE, position_tolerance_m=0.03),
        Phase("carry", carry("can", "place", 0.17), 1.0, _FREE, position_tolerance_m=0.02),
        Phase("lower", carry("can", "place", 0.06), 1.0, _CAREFUL, position_tolerance_m=0.01),
        Phase("release", stay, 0.0, _CAREFUL, position_tolerance_m=0.01, dwell_s=0.5),
        Phase("retreat", rise(0.12), 0.0, _FREE, position_tolerance_m=0.02, dwell_s=0.4),
    ),
    adjust_scene=_narrow,
)
