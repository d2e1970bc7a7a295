"""The scene of a can in one of two bins (robosuite's ``PickPlaceCan``), that several tasks share."""

from sim_eval.physics.tasks.base import MotionLimits

OBJECTS = {"can": "Can_main", "place": "VisualCan_main"}
FREE = MotionLimits(speed_m_per_s=0.25, acceleration_m_per_s2=0.5)


def scene_options(seed: int, placement: float) -> dict:
    """Both bins 12 cm nearer than robosuite has them: a Panda with a Robotiq does not reach their far corners."""
    return {"bin1_pos": (-0.02, -0.25, 0.8), "bin2_pos": (-0.02, 0.28, 0.8)}


def narrow(scene, placement: float) -> None:
    """robosuite's own area is the whole left bin, 29 by 39 cm."""
    sampler = scene.placement_initializer.samplers["CollisionObjectSampler"]
    sampler.x_range = [bound * placement for bound in sampler.x_range]
    sampler.y_range = [bound * placement for bound in sampler.y_range]
