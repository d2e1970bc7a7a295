"""Tasks, one file each: a robosuite scene, its instruction, and the phases that a scripted expert plays in it."""

from sim_eval.physics.discovery import load, names_in
from sim_eval.physics.tasks.base import Task

NAMES = names_in(__path__)


def get(name: str) -> Task:
    """The task of that name.

    Raises:
        UsageError: an unknown name.
    """
    return load(__name__, name, NAMES, "task").TASK
