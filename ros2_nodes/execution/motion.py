"""What the robot will do until it rests: a path, and how fast it is gone along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from ros2_nodes.execution.path import Path, Start
from ros2_nodes.execution.time_law import TimeLaw


@dataclass(frozen=True)
class Kinematics:
    """Position, velocity, acceleration and jerk, [P, N] each."""

    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    jerk: np.ndarray


@dataclass(frozen=True, eq=False)
class Motion:
    """A motion that ends at rest. N axes are planned; `passengers` (grippers, what no axis carries) ride along.

    chart: what axes are relative to, where they are (see `commanding.axes`). passengers: name -> [K, ...], a row at
    each of the path's knots; between knots they are interpolated linearly. lead: the motion that is gone along until
    this one starts, in the same chart; None stands at the start until then.
    """

    path: Path
    law: TimeLaw
    chart: tuple[np.ndarray | None, ...] = ()
    passengers: Mapping[str, np.ndarray] = field(default_factory=dict)
    lead: Motion | None = None

    @classmethod
    def standing(
        cls,
        position: np.ndarray,
        now_s: float,
        chart: tuple[np.ndarray | None, ...],
        passengers: Mapping[str, np.ndarray],
    ) -> Motion:
        """None at all, at a position [N]. passengers: name -> one row."""
        path = Path(np.array([now_s, now_s + 1.0]), np.stack([position, position]), Start.at_rest(position))
        return cls(path, TimeLaw(now_s, 1e-3), chart, {name: np.stack([row, row]) for name, row in passengers.items()})

    @property
    def start_s(self) -> float:
        return self.path.start_s

    @property
    def rest_s(self) -> float:
        """Steady time from which on nothing moves."""
        return self.law.rest_s

    def rests(self, now_s: float) -> bool:
        return now_s >= self.rest_s

    def at(self, times_s: np.ndarray) -> Kinematics:
        """At steady times [P]; before the start it is the lead's, or stands at the start; after the rest at the end."""
        wanted = np.asarray(times_s, dtype=np.float64)
        times = np.maximum(wanted, self.start_s)
        phase, rate, slope, bend = (values[:, None] for values in self.law.phases(times))
        first, second, third = (self.path.evaluate(phase[:, 0], order) for order in (1, 2, 3))
        own = Kinematics(
            position=self.path.evaluate(phase[:, 0], 0),
            velocity=first * rate,
            acceleration=second * rate**2 + first * slope,
            jerk=third * rate**3 + 3.0 * second * rate * slope + first * bend,
        )
        early = wanted < self.start_s
        if self.lead is None or not early.any():
            return own
        before = self.lead.at(wanted)
        parts = {name: np.where(early[:, None], getattr(before, name), values) for name, values in vars(own).items()}
        return Kinematics(**parts)

    def start_at(self, now_s: float) -> Start:
        """What a motion that takes over now has to continue."""
        here = self.at(np.array([now_s]))
        return Start(here.position[0], here.velocity[0], here.acceleration[0])

    def passengers_at(self, times_s: np.ndarray) -> dict[str, np.ndarray]:
        """name -> [P, ...] at steady times [P]."""
        wanted = np.asarray(times_s, dtype=np.float64)
        phase = self.law.phases(np.maximum(wanted, self.start_s))[0]
        knots = self.path.knots_s
        index = np.clip(np.searchsorted(knots, phase, side="right") - 1, 0, len(knots) - 2)
        share = np.clip((phase - knots[index]) / (knots[index + 1] - knots[index]), 0.0, 1.0)
        found = {}
        for name, rows in self.passengers.items():
            weight = share.reshape(-1, *(1 for _ in rows.shape[1:]))
            found[name] = rows[index] * (1.0 - weight) + rows[index + 1] * weight
        early = wanted < self.start_s
        if self.lead is not None and early.any():
            for name, before in self.lead.passengers_at(wanted).items():
                found[name] = np.where(early.reshape(-1, *(1 for _ in before.shape[1:])), before, found[name])
        return found

    def since(self, when_s: float) -> Motion:
        """The same without what led to it before `when_s`."""
        if self.lead is None:
            return self
        return replace(self, lead=None if self.start_s <= when_s else self.lead.since(when_s))

    def braked(self, now_s: float, duration_s: float) -> Motion:
        """The same path, gone along from now on ever slower, at rest after `duration_s`."""
        return replace(self, law=TimeLaw(now_s, duration_s))
