"""Lift the green cube of two: the scene of ``stack`` with something else to do in it."""

from sim_eval.physics.criteria import raised
from sim_eval.physics.grasping import FREE, above, grasp, rise
from sim_eval.physics.tasks._table import TWO_CUBES, two_cubes_anywhere
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="lift_green",
    environment="Stack",
    instruction="lift the green cube",
    objects=TWO_CUBES,
    scene_options=two_cubes_anywhere,
    time_limit_s=12.0,
    phases=(
        *grasp(above("green cube", 0.10), above("green cube", 0.0)),
        Phase("lift", rise(0.22), 1.0, FREE, position_tolerance_m=0.01, dwell_s=0.5),
    ),
    succeeded=raised("green cube", 0.04),
)
