"""One demonstration: an expert plays its task in a scene, frame by frame."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from cosmos_policy.errors import Failure
from sim_eval.physics.scene_environment import SceneEnvironment

Frame = tuple[Any, dict[str, np.ndarray], Any]
"""What was measured, what was seen, and what was then commanded (:mod:`sim_eval.physics.robot_io`)."""


def demonstrate(environment: SceneEnvironment) -> Iterator[Frame]:
    """Plays the task from the scene's present state to the end of the expert's phases, one frame per control step.

    Raises:
        Failure: a phase did not end, or the task is not done when the phases are. What was yielded before is then no
            demonstration.
    """
    expert = environment.expert()
    while expert.phase is not None:
        state, images, command = environment.state(), environment.images(), expert.act()
        yield state, images, command
        environment.step(command)
    if not environment.succeeded():
        raise Failure(f"the expert for {environment.task.name!r} played all its phases, but the task is not done")
