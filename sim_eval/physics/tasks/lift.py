"""Lift a cube from the table (robosuite's ``Lift``)."""

from sim_eval.physics.grasping import FREE, above, grasp, rise
from sim_eval.physics.tasks._table import one_cube_anywhere
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="lift",
    environment="Lift",
    instruction="lift the red cube",
    objects={"cube": "cube_main"},
    scene_options=one_cube_anywhere,
    time_limit_s=12.0,
    phases=(
        *grasp(above("cube", 0.10), above("cube", 0.0)),
        Phase("lift", rise(0.22), 1.0, FREE, position_tolerance_m=0.01, dwell_s=0.5),
    ),
)
