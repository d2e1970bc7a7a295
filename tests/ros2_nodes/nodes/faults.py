"""What can go wrong around a policy node in real processes, and how soon it has to be answered."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from rig import Robot

CONTROL_PERIOD_S = 1.0 / 30.0
FEELING_PERIOD_S = 0.01
TRANSPORT_S = 0.02
"""What messages take on one machine, both ways."""


@dataclass(frozen=True)
class Fault:
    """of_robot: name and value of a fault of the test robot (see `Body`). mood: how the server answers from now on (see
    `smooth_policy.load`). known_s: within this time of the fault nobody can know of it: the sensor's own interval, or
    what the contract of droid_joint allows (ages, deadlines). Then it is `end` within two control periods, and one of
    `reasons` is told."""

    known_s: float
    reasons: tuple[str, ...]
    of_robot: tuple[str, Any] | None = None
    mood: Mapping[str, Any] = field(default_factory=dict)
    end: str = "hold"

    def inflict(self, robot: Robot, moods: Path) -> None:
        """From now on, and mark the moment."""
        if self.mood:
            robot.do("mark")
            moods.write_text(json.dumps(self.mood))
        else:
            name, value = self.of_robot
            robot.do("emergency_stop", pressed=True) if name == "emergency_stop" else robot.do(
                "fault", name=name, value=value
            )


def heal(robot: Robot, moods: Path) -> None:
    """All is well from now on; a robot that is stopped stays so."""
    robot.do("heal")
    robot.do("emergency_stop", pressed=False)
    moods.unlink(missing_ok=True)


#: A question a second, 300 ms until its answer.
_NEXT_ANSWER_S = 1.0 + 2 * CONTROL_PERIOD_S + 0.4
FAULTS: dict[str, Fault] = {
    "a camera dies": Fault(0.10, ("skewed", "too_old"), ("camera_dies", "wrist")),
    "a camera changes its size": Fault(0.07, ("wrong_size",), ("camera_shrinks", "exterior_1")),
    "joint states stop": Fault(0.06, ("too_old", "skewed"), ("joints_die", True)),
    # Told to go a quarter of the tracking tolerance; the test policy goes 0.3 rad/s, and stands where it turns.
    "joint states freeze": Fault(1.5, ("tracking_error",), ("joints_freeze", [])),
    "joint states jump": Fault(0.02, ("joint_jump", "tracking_error"), ("joints_jump", 0.8)),
    "a joint is missing": Fault(0.02, ("joint_missing",), ("joints_lose", "panda_joint3")),
    "a joint is NaN": Fault(0.02, ("not_finite",), ("joints_nan", True)),
    "stamps jump ahead": Fault(0.02, ("stamp_in_future", "skewed"), ("clock_jumps", 5.0)),
    "stamps jump back": Fault(0.02, ("too_old", "skewed"), ("clock_jumps", -5.0)),
    "the deadman is released": Fault(0.06, ("deadman_released",), ("deadman_released", True)),
    "the deadman is silent": Fault(0.5, ("deadman_released",), ("deadman_silent", True)),
    "the emergency stop": Fault(0.0, ("emergency_stop",), ("emergency_stop", True), end="stopped"),
    "an answer is NaN": Fault(
        _NEXT_ANSWER_S, ("contract_changed", "not_finite", "inference_failed"), mood={"nan": True}, end="stopped"
    ),
    "an answer is short": Fault(_NEXT_ANSWER_S, ("chunk_inconsistent",), mood={"short": True}),
    "an answer is late": Fault(_NEXT_ANSWER_S + 1.7, ("inference_late",), mood={"late_s": 2.5}),
}
#: Nothing has to be answered by a hold; no command may leave the limits.
HARMLESS: dict[str, Fault] = {
    "an answer is far away": Fault(0.0, (), mood={"far": True}),
    "trajectories come late": Fault(0.0, (), ("late_s", 0.08)),
}


@dataclass(frozen=True)
class Reaction:
    """seconds: from the fault to the first status of its end that names one of its reasons; None where there was none.
    allowed_s: what it may take, with `lateness_s`: what this machine's timers were late by until then, those of the
    node (seen by its ticks) and of the robot."""

    seconds: float | None
    allowed_s: float
    lateness_s: float

    @property
    def in_time(self) -> bool:
        return self.seconds is not None and self.seconds <= self.allowed_s


def reaction(robot: Robot, fault: Fault) -> Reaction:
    """How soon the last fault that was inflicted was answered."""
    told = robot.do("reaction")
    named = (
        after_s
        for after_s, status in told["statuses"]
        if status["state"] in (fault.end, "stopped")
        and any(cause.startswith(fault.reasons) for cause in status["reasons"])
    )
    seconds = next(named, None)
    lateness_s = _late(told["ticks_s"], CONTROL_PERIOD_S, seconds) + _late(told["felt_s"], FEELING_PERIOD_S, seconds)
    allowed_s = fault.known_s + 2 * CONTROL_PERIOD_S + TRANSPORT_S + lateness_s
    return Reaction(seconds, allowed_s, lateness_s)


def _late(moments_s: list[float], period_s: float, until_s: float | None) -> float:
    """By how much a timer was late in all, where it was late by more than half a period."""
    gaps = [(after, after - before) for before, after in pairwise(moments_s)]
    late = (gap - period_s for after, gap in gaps if until_s is None or after <= until_s + gap)
    return sum(one for one in late if one > 0.5 * period_s)
