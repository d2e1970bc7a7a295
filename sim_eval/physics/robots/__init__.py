"""Simulated robots, one file each."""

from cosmos_policy.errors import UsageError
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


def speaking(embodiment: str, robot: str | None = None) -> str:
    """The name of the robot that speaks an embodiment: `robot`, if it does, or the first one that does.

    Raises:
        UsageError: no robot here speaks it, or `robot` does not; the message lists what is spoken.
        Failure: robosuite cannot be imported.
    """
    spoken = {name: get(name).embodiments for name in (NAMES if robot is None else (robot,))}
    for name, languages in spoken.items():
        if embodiment in languages:
            return name
    known = "; ".join(f"{name} speaks {', '.join(languages)}" for name, languages in spoken.items())
    who = "no simulated robot" if robot is None else f"the simulated robot {robot!r} is not one that"
    raise UsageError(f"{who} speaks the embodiment {embodiment!r}: {known}")
