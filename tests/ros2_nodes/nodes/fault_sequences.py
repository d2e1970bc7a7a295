"""Random sequences of faults in real processes: what was answered too late, and what left the limits."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from faults import FAULTS, HARMLESS, Fault, heal, reaction
from rig import Robot


@dataclass
class Found:
    """faults: how many were inflicted. judged: how many lasted long enough to have to be answered. slowest_s: name ->
    the longest time from a fault to its answer, beyond what nobody could know. violations: sentences."""

    faults: int = 0
    judged: int = 0
    lateness_s: float = 0.0
    slowest_s: dict[str, float] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def under_way(robot: Robot, moods: Path) -> None:
    """All is well, and the robot moves."""
    heal(robot, moods)
    robot.wait(
        "a start",
        lambda: (
            (robot.do("status") or {}).get("state") in ("starting", "running", "hold")
            or robot.do("trigger", name="start")[0]
        ),
    )
    robot.wait_state("running")


def run_sequence(robot: Robot, moods: Path, seed: int, found: Found) -> None:
    """One sequence: one to three faults, one after the other or on top of each other, then joint states stop for good:
    the robot has to be at rest."""
    random = np.random.default_rng(seed)
    under_way(robot, moods)
    robot.do("forget")
    robot.wait("a status", lambda: robot.do("status"))
    for _ in range(random.integers(1, 4)):
        name = str(random.choice([*FAULTS, *HARMLESS]))
        _one(robot, moods, seed, name, {**FAULTS, **HARMLESS}[name], float(random.uniform(0.1, 0.8)), found)
        if random.random() < 0.7:
            heal(robot, moods)
            time.sleep(random.uniform(0.0, 1.0))
    heal(robot, moods)
    robot.do("fault", name="joints_die", value=True)
    time.sleep(0.8)
    record, status = robot.do("record"), robot.do("status")
    if status["state"] == "running" or np.abs(record["motion"][-1][2]).max() > 1e-6:
        found.violations.append(f"sequence {seed}: not at rest at its end, but {status['state']} {status['reasons']}")
    found.violations += [f"sequence {seed}: {violation}" for violation in record["violations"]]


def _one(robot: Robot, moods: Path, seed: int, name: str, fault: Fault, beyond_s: float, found: Found) -> None:
    """Inflict it for as long as nobody can know of it and `beyond_s` more."""
    moving = robot.do("status")["state"] == "running"
    fault.inflict(robot, moods)
    found.faults += 1
    time.sleep(fault.known_s + beyond_s)
    if not moving or not fault.reasons:
        return
    answered = reaction(robot, fault)
    held = robot.do("reaction")["statuses"][-1][1]["state"] != "running"
    found.lateness_s = max(found.lateness_s, answered.lateness_s)
    if answered.seconds is None:
        # Something else may have held it first: then this fault need not be what is told.
        if not held and fault.known_s + beyond_s > answered.allowed_s:
            found.violations.append(f"sequence {seed}: {name} is not answered after {fault.known_s + beyond_s:.2f} s")
        return
    found.judged += 1
    slow = answered.seconds - fault.known_s
    found.slowest_s[name] = max(found.slowest_s.get(name, -np.inf), slow)
    if not answered.in_time:
        found.violations.append(f"sequence {seed}: {name} is answered after {answered.seconds:.3f} s: {answered}")
