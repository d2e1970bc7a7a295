"""``stack`` the other way round: the larger cube on the smaller one. Kept from the built-in checkpoint's training."""

from sim_eval.physics.criteria import stacked
from sim_eval.physics.grasping import CAREFUL, FREE, above, carry, grasp, rise, set_down
from sim_eval.physics.tasks._table import SPAN_M, TWO_CUBES, two_cubes_anywhere
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="stack_green",
    environment="Stack",
    instruction="put the green cube on the red cube",
    objects=TWO_CUBES,
    scene_options=two_cubes_anywhere,
    time_limit_s=20.0,
    phases=(
        *grasp(above("green cube", 0.10), above("green cube", 0.0)),
        Phase("lift", rise(0.10), 1.0, FREE, position_tolerance_m=0.02),
        Phase("carry", carry("green cube", "red cube", 0.10), 1.0, FREE, position_tolerance_m=0.006),
        Phase("lower", carry("green cube", "red cube", SPAN_M + 0.002), 1.0, CAREFUL, position_tolerance_m=0.003),
        *set_down(),
    ),
    succeeded=stacked("green cube", "red cube", SPAN_M),
)
