"""Stack a small cube on a larger one (robosuite's ``Stack``)."""

from sim_eval.physics.grasping import CAREFUL, FREE, above, carry, grasp, rise, set_down
from sim_eval.physics.tasks._table import SPAN_M, TWO_CUBES, two_cubes_anywhere
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="stack",
    environment="Stack",
    instruction="put the red cube on the green cube",
    objects=TWO_CUBES,
    scene_options=two_cubes_anywhere,
    time_limit_s=20.0,
    phases=(
        *grasp(above("red cube", 0.10), above("red cube", 0.0)),
        Phase("lift", rise(0.10), 1.0, FREE, position_tolerance_m=0.02),
        Phase("carry", carry("red cube", "green cube", 0.10), 1.0, FREE, position_tolerance_m=0.006),
        Phase("lower", carry("red cube", "green cube", SPAN_M + 0.002), 1.0, CAREFUL, position_tolerance_m=0.003),
        *set_down(),
    ),
)
