"""From rows that a model wants to a motion that the robot may do: slower in time first, clamped in space second, or
refused with reasons."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ros2_nodes.execution.motion import Motion
from ros2_nodes.execution.path import Path, Start
from ros2_nodes.execution.time_law import TimeLaw
from ros2_nodes.execution.timeline import Knots
from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.excess import Excess
from ros2_nodes.safety.limits import Limits

PositionCheck = Callable[[np.ndarray], tuple[Cause, ...]]
"""Judges positions [P, N] beyond what limits of axes can say (where a tool is)."""

_SAMPLES_A_KNOT = 12
_AIM = 0.95
"""A motion is slowed to this share of its limits, so that the next one can follow it and it can be braked."""
_BETWEEN_SAMPLES = 0.99
"""What a motion may use of its limits at the samples: between them it may use a little more."""
_INSET = 1e-3
"""Rad or m that samples keep off limits of position, or less where the robot stands nearer: as above."""
_TRIES = 16
_SMALLEST_SLOWING = 1.05
_SHORTEST_BRAKING_S = 0.05
_LONGER = 1.25
"""From one braking duration that is tried to the next."""


@dataclass(frozen=True)
class Admitted:
    """A motion within all limits. slowdown: 1 at the model's speed. limits_hit: what slowed or clamped it."""

    motion: Motion
    slowdown: float
    limits_hit: tuple[Reason, ...]


@dataclass(frozen=True)
class Rejected:
    """Nothing of it may be done."""

    causes: tuple[Cause, ...]


class SafetyFilter:
    """Every motion that is executed comes out of here: within limits at every instant, and at rest at its end.

    max_slowdown: how many times slower than the model meant a chunk may run. check: see :data:`PositionCheck`.
    """

    def __init__(self, limits: Limits, max_slowdown: float) -> None:
        self.limits, self._max_slowdown = limits, max_slowdown

    def admit(
        self,
        knots: Knots,
        start: Start,
        start_passengers: dict[str, np.ndarray],
        from_s: float,
        chart: tuple[np.ndarray | None, ...] = (),
        share: float = 1.0,
        check: PositionCheck | None = None,
    ) -> Admitted | Rejected:
        """The motion from `start`, at `from_s`, through `knots`.

        share: part of the velocity, acceleration and jerk limits that may be used (the soft ramp after the start). A
        motion may start faster than that only as fast as it goes already.
        """
        refused = self._refused_at_sight(knots, start)
        if refused:
            return Rejected(refused)
        limits, slowest = self.limits.scaled(share), self._max_slowdown / share
        hit: dict[Reason, None] = {}
        if (self.limits.clamp(knots.positions) != knots.positions).any():
            hit[Reason.POSITION_LIMIT] = None
        slowdown, causes = 1.0, ()
        for _ in range(_TRIES):
            path = self._inside(knots, start, from_s, slowdown)
            if isinstance(path, Cause):
                return Rejected((path,))
            motion = Motion(path, _unbraked(path), chart, _passengers(knots, start_passengers))
            excess = Excess.of(motion.at(_samples(path, path.start_s, path.end_s)), limits)
            if excess.worst <= _BETWEEN_SAMPLES:
                ended, excess = self._with_end(motion, limits)
                if ended is not None:
                    return _checked(Admitted(ended, slowdown, tuple(hit)), check)
            causes = excess.causes(limits, _BETWEEN_SAMPLES)
            hit.update((cause.reason, None) for cause in causes)
            if slowdown >= slowest:
                break
            slowdown = min(slowdown * max(excess.slowdown / _AIM, _SMALLEST_SLOWING), slowest)
        asked = f"even {slowdown:.1f} times slower than the model means it"
        return Rejected((Cause(Reason.TOO_SLOW, f"the chunk is not within limits {asked}"), *causes))

    def stopped(self, motion: Motion, now_s: float) -> Motion:
        """The same motion, brought to rest along its path as soon as the limits allow. Of one that has not begun the
        lead is brought to rest."""
        if motion.lead is not None and now_s < motion.start_s:
            return self.stopped(motion.lead, now_s)
        if now_s >= motion.law.brake_s:
            return motion  # it brakes or rests already
        for duration in _braking_durations(2.0 * (motion.law.rest_phase_s - now_s)):
            braked = motion.braked(now_s, duration)
            if duration < motion.rest_s - now_s and self._is_within(braked, now_s, self.limits):
                return braked
        return motion

    def refusals(self, motion: Motion, now_s: float) -> tuple[Cause, ...]:
        """What speaks against sending this motion from now on; the last look before it leaves."""
        there = motion.at(np.linspace(now_s, max(motion.rest_s, now_s + 1e-3), 64))
        if not all(np.isfinite(values).all() for values in vars(there).values()):
            return (Cause(Reason.NOT_FINITE, "the motion holds NaN or infinite values"),)
        beyond = self.limits.overshoot(there.position)
        outside = tuple(
            Cause(Reason.POSITION_LIMIT, f"{self.limits.names[axis]} would leave its limits by {beyond[axis]:.2g}")
            for axis in np.flatnonzero(beyond)
        )
        return (*outside, *Excess.of(there, self.limits).causes(self.limits, 1.0))

    def _refused_at_sight(self, knots: Knots, start: Start) -> tuple[Cause, ...]:
        numbers = (knots.positions, start.position, start.velocity, start.acceleration, *knots.passengers.values())
        if not all(np.isfinite(values).all() for values in numbers):
            return (Cause(Reason.NOT_FINITE, "the chunk holds NaN or infinite values"),)
        beyond = self.limits.overshoot(start.position[None])
        return tuple(
            Cause(
                Reason.POSITION_LIMIT,
                f"{self.limits.names[axis]} stands at {start.position[axis]:.3f}, outside of its limits "
                f"{self.limits.lower[axis]:g} to {self.limits.upper[axis]:g}: move it back by hand",
            )
            for axis in np.flatnonzero(beyond)
        )

    def _inside(self, knots: Knots, start: Start, from_s: float, slowdown: float) -> Path | Cause:
        """The path whose curve, not only its knots, stays within the positions' limits: knots keep off by a margin."""
        margin = np.zeros(self.limits.num_axes)
        inset = np.clip(self.limits.room(start.position), 0.0, _INSET)
        for _ in range(_TRIES):
            path = _path(knots, self.limits.clamp(knots.positions, margin), start, from_s, slowdown)
            beyond = self.limits.overshoot(path.evaluate(_samples(path, path.start_s, path.end_s), 0), inset)
            if not beyond.any():
                return path
            margin += 1.2 * beyond + np.where(beyond > 0.0, _INSET, 0.0)
        axis = int(beyond.argmax())
        detail = f"{self.limits.names[axis]} would leave its limits by {beyond[axis]:.3f} between two actions"
        return Cause(Reason.POSITION_LIMIT, detail)

    def _with_end(self, motion: Motion, limits: Limits) -> tuple[Motion | None, Excess]:
        """The motion that comes to rest at its path's end, or None and by how much the best try exceeds."""
        path, best = motion.path, Excess(np.inf, np.inf, np.inf, (0, 0, 0))
        for duration in _braking_durations(2.0 * (path.end_s - path.start_s)):
            braked = motion.braked(path.end_s - 0.5 * duration, duration)
            excess = Excess.of(braked.at(_samples(path, braked.law.brake_s, braked.rest_s)), limits)
            if excess.worst <= _BETWEEN_SAMPLES:
                return braked, excess
            if excess.worst < best.worst:
                best = excess
        return None, best

    def _is_within(self, motion: Motion, from_s: float, limits: Limits) -> bool:
        there = motion.at(_samples(motion.path, from_s, motion.rest_s))
        return Excess.of(there, limits).worst <= _BETWEEN_SAMPLES


def _checked(admitted: Admitted, check: PositionCheck | None) -> Admitted | Rejected:
    path, rest_s = admitted.motion.path, admitted.motion.rest_s
    refused = check(admitted.motion.at(_samples(path, path.start_s, rest_s)).position) if check else ()
    return Rejected(refused) if refused else admitted


def _path(knots: Knots, positions: np.ndarray, start: Start, from_s: float, slowdown: float) -> Path:
    """Rows that the model was told keep their times, for they are the motion under way; later ones are stretched."""
    stretched = np.maximum(knots.times_s - knots.told_until_s, 0.0) * (slowdown - 1.0)
    times = np.concatenate([[from_s], knots.times_s + stretched])
    return Path(times, np.concatenate([start.position[None], positions]), start)


def _unbraked(path: Path) -> TimeLaw:
    """For judging a path at the model's speed, its end included."""
    return TimeLaw(path.end_s + 1.0, 1.0)


def _passengers(knots: Knots, start: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.concatenate([start[name][None], rows]) for name, rows in knots.passengers.items()}


def _samples(path: Path, from_s: float, to_s: float) -> np.ndarray:
    count = max(int(_SAMPLES_A_KNOT * len(path.knots_s) * (to_s - from_s) / (path.end_s - path.start_s)), 32)
    return np.linspace(from_s, to_s, count + 1)


def _braking_durations(longest_s: float) -> Iterator[float]:
    duration = min(_SHORTEST_BRAKING_S, longest_s)
    while duration < longest_s:
        yield duration
        duration *= _LONGER
    if longest_s > 0.0:
        yield longest_s
