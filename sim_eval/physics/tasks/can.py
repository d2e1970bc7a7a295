"""Put a can from one bin into its compartment of the other (robosuite's ``PickPlaceCan``)."""

from sim_eval.physics.grasping import CAREFUL, carry, grasp, over, rise, set_down
from sim_eval.physics.tasks._bins import FREE, OBJECTS, narrow, scene_options
from sim_eval.physics.tasks.base import Phase, Task

TASK = Task(
    name="can",
    environment="PickPlaceCan",
    instruction="put the can into the bin",
    objects=OBJECTS,
    scene_options=scene_options,
    time_limit_s=20.0,
    phases=(
        *grasp(over("can", 0.14), over("can", 0.01), FREE),
        Phase("lift", rise(0.17), 1.0, FREE, position_tolerance_m=0.03),
        Phase("carry", carry("can", "place", 0.17), 1.0, FREE, position_tolerance_m=0.02),
        Phase("lower", carry("can", "place", 0.06), 1.0, CAREFUL, position_tolerance_m=0.01),
        *set_down(FREE),
    ),
    adjust_scene=narrow,
)
