"""Lift a pot by its two handles with two arms (robosuite's ``TwoArmLift``)."""

import numpy as np

from sim_eval.physics.grasping import CAREFUL, grasp, grip_at, heading, rise
from sim_eval.physics.tasks.base import Goal, Phase, Task

_HANDLE_M = {"right": (0.0, 0.16, 0.06), "left": (0.0, -0.16, 0.06)}
"""Middle of each handle's bar in the pot's frame; the pot is turned by about half a turn, so +y is the right."""


def _scene_options(seed: int, placement: float) -> dict:
    """12 by 12 cm and 30 degrees either way; robosuite turns it by 60, where one arm is in the other's way."""
    from robosuite.utils.placement_samplers import UniformRandomSampler

    sampler = UniformRandomSampler(
        name="PotSampler",
        x_range=(-0.06 * placement, 0.06 * placement),
        y_range=(-0.06 * placement, 0.06 * placement),
        rotation=(np.pi - np.pi / 6 * placement, np.pi + np.pi / 6 * placement),
        ensure_object_boundary_in_range=False,
        ensure_valid_placement=True,
        reference_pos=np.array([0.0, 0.0, 0.8]),  # the table top of TwoArmLift
        rng=np.random.default_rng(seed),
    )
    return {"env_configuration": "parallel", "placement_initializer": sampler}


def _at_handle(height_m: float) -> Goal:
    """Each arm's fingertips ``height_m`` above its handle's bar, the fingers before and behind the bar."""

    def goal(arm, start: np.ndarray) -> np.ndarray:
        pot, ahead = arm.object_pose("pot"), heading(arm)
        point = pot[:3, :3] @ np.array(_HANDLE_M[arm.name]) + pot[:3, 3]
        turn = np.arctan2(pot[1, 0], pot[0, 0]) - ahead
        turn -= np.round(turn / np.pi) * np.pi
        return grip_at(arm, point + np.array([0.0, 0.0, height_m]), ahead + turn)

    return goal


TASK = Task(
    name="lift_pot",
    environment="TwoArmLift",
    instruction="lift the pot by both handles",
    objects={"pot": "pot_root"},
    scene_options=_scene_options,
    time_limit_s=16.0,
    phases=(
        *grasp(_at_handle(0.10), _at_handle(0.0)),
        Phase("lift", rise(0.16), 1.0, CAREFUL, position_tolerance_m=0.015, dwell_s=0.5),
    ),
    body="two arms",
)
