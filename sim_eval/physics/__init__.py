"""Physics: robosuite scenes seen and driven as the real robots of :mod:`embodiments` are, and demonstrations in them.

Data flows one way::

    tasks (what to do) + robots (who does it) -> scene -> environment -> expert -> recorder (LeRobot v3)

Importing this package, or listing :data:`sim_eval.physics.robots.NAMES` and :data:`sim_eval.physics.tasks.NAMES`, loads
neither MuJoCo nor LeRobot. :func:`open_environment` brings in the simulator, after choosing the OpenGL library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from sim_eval.physics.randomization import PLAIN, Randomization

if TYPE_CHECKING:
    from sim_eval.physics.scene_environment import SceneEnvironment


def open_environment(
    task: str,
    robot: str = "droid",
    *,
    seed: int,
    image_size: tuple[int, int] = (640, 360),
    supersampling: int = 2,
    randomization: Randomization = PLAIN,
) -> SceneEnvironment:
    """One scene, fixed by its seed.

    Args:
        task: one of :data:`sim_eval.physics.tasks.NAMES`.
        robot: one of :data:`sim_eval.physics.robots.NAMES`.
        seed: robosuite's ``seed``, 0 or more: object sizes, places and start pose follow from it.
        image_size: width and height of every picture, pixels.
        supersampling: pictures are rendered this many times larger and averaged down; 1 leaves edges jagged.
        randomization: what the seed decides, and how widely.

    Raises:
        UsageError: an unknown task or robot, a task for another kind of robot, a negative seed, an image size or
            supersampling below 1.
        Failure: robosuite or its OpenGL library is missing.
    """
    from cosmos_policy.errors import UsageError
    from sim_eval.physics import robots, tasks

    if min(*image_size, supersampling) < 1:
        raise UsageError(
            f"image size {image_size[0]}x{image_size[1]} with supersampling {supersampling} has no pixels: "
            "width, height and supersampling are 1 or more"
        )
    if seed < 0:
        raise UsageError(f"seed {seed} is negative: a seed is 0 or more")
    chosen_task, chosen_robot = tasks.get(task), robots.get(robot)  # robots.get imports robosuite, with MUJOCO_GL set
    if chosen_task.body != chosen_robot.body:
        fitting = [name for name in tasks.NAMES if tasks.get(name).body == chosen_robot.body]
        raise UsageError(
            f"the task {task!r} is for {chosen_task.body}, and the robot {robot!r} is {chosen_robot.body}; its tasks "
            f"are {', '.join(fitting)}"
        )
    module, _, name = chosen_robot.environment.partition(":")
    return getattr(importlib.import_module(module), name)(
        chosen_task,
        chosen_robot,
        seed=seed,
        image_size=image_size,
        supersampling=supersampling,
        randomization=randomization,
    )
