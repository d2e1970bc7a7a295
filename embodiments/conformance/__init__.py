"""The contract that every embodiment keeps, as a program: `embodiments.check(robot)`.

A check is a function (embodiment, recordings) -> findings in one of the modules named in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from embodiments.conformance import grippers, maps, recordings, statistics, views
from embodiments.conformance.report import Finding, Report
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.registry import get
from embodiments.trajectory import Trajectory

__all__ = ["CHECKS", "Finding", "Report", "check"]

CHECKS = (
    maps.frames_are_rigid,
    maps.round_trip,
    maps.anchor,
    maps.half_turns,
    grippers.polarity,
    grippers.ranges,
    statistics.widths,
    statistics.degenerate_columns,
    statistics.resting_is_inside,
    views.shapes,
    views.refusals,
    views.dataset_layouts,
    recordings.units,
    recordings.command_follows_state,
    recordings.inside_the_range,
)


def check(embodiment: Embodiment | str | Path, trajectories: Iterable[Trajectory] = ()) -> Report:
    """Run the conformance suite on a robot: an embodiment, a name, or the path of a robot file.

    `trajectories` are recordings of that robot (episodes): with them the suite also looks at what the robot really did,
    and finds the faults that examples cannot show (units, a normaliser that was forgotten, a gripper turned round).
    """
    robot = embodiment if isinstance(embodiment, Embodiment) else get(embodiment)
    recorded = tuple(trajectories)
    findings: list[Finding] = []
    for function in CHECKS:
        try:
            findings.extend(function(robot, recorded))
        except EmbodimentError as error:
            findings.append(Finding(function.__name__, "failed", str(error)))
    return Report(robot.name, tuple(findings))
