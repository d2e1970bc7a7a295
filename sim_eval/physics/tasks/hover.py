"""Bring the open gripper over a cube and stay there: the scene of ``lift`` with something else to do in it."""

from sim_eval.physics.criteria import hovering
from sim_eval.physics.grasping import CAREFUL, FREE, above
from sim_eval.physics.tasks._table import one_cube_anywhere
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="hover",
    environment="Lift",
    instruction="hold the open gripper over the red cube",
    objects={"cube": "cube_main"},
    scene_options=one_cube_anywhere,
    time_limit_s=12.0,
    phases=(
        Phase("reach", above("cube", 0.12), 0.0, FREE, position_tolerance_m=0.03, is_approach=True),
        Phase("hover", above("cube", 0.12), 0.0, CAREFUL, position_tolerance_m=0.01, dwell_s=1.0),
    ),
    succeeded=hovering("cube", low_m=0.08, high_m=0.16, beside_m=0.03),
)
