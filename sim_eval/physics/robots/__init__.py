"""Simulated robots, one file each."""

from sim_eval.physics.discovery import load, names_in
from sim_eval.physics.robots.base import RobotSetup
from sim_eval.physics.simulator import import_robosuite

NAMES = names_in(__path__)


def get(name: str) -> RobotSetup:
    """The robot of that name; robosuite is imported, and the robot's models are registered with it.

    Raises:
        UsageError: an unknown name.
        Failure: robosuite cannot be imported.
    """
    if name in NAMES:
        import_robosuite()
    return load(__name__, name, NAMES, "simulated robot").ROBOT
