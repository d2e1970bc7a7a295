"""Lift the can and hold it: the scene of ``can`` with something else to do in it."""

from sim_eval.physics.criteria import raised
from sim_eval.physics.grasping import grasp, over, rise
from sim_eval.physics.tasks._bins import FREE, OBJECTS, narrow, scene_options
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="lift_can",
    environment="PickPlaceCan",
    instruction="lift the can",
    objects=OBJECTS,
    scene_options=scene_options,
    time_limit_s=12.0,
    phases=(
        *grasp(over("can", 0.14), over("can", 0.01), FREE),
        Phase("lift", rise(0.17), 1.0, FREE, position_tolerance_m=0.01, dwell_s=1.0),
    ),
    succeeded=raised("can", 0.06),
    adjust_scene=narrow,
)
