"""Chunks on the axis of time: which rows of a new one are still ahead, and how it fades in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ros2_nodes.execution.motion import Motion

_SHORTEST_STEP = 0.5
"""Part of a control step: a row that is due sooner is left out, for the way to it would be all acceleration."""


@dataclass(frozen=True)
class Knots:
    """Rows that are still to be executed. times_s: [K] steady times, increasing. positions: [K, N]. passengers: name ->
    [K, ...]. told_until_s: rows up to this time are those of the motion under way, which the model was told."""

    times_s: np.ndarray
    positions: np.ndarray
    passengers: Mapping[str, np.ndarray]
    told_until_s: float

    def __len__(self) -> int:
        return len(self.times_s)


class ChunkTimeline:
    """Aligns chunks by time: row i is executed from `stamp + i dt` to `stamp + (i + 1) dt`, and reached at its end,
    whenever it arrives.

    blend_s: rows within this time after now are mixed with the motion under way, whose share falls from 1 to 0.
    """

    def __init__(self, step_s: float, blend_s: float) -> None:
        self.step_s, self._blend_s = step_s, blend_s

    def due_times(self, stamp_s: float, rows: int) -> np.ndarray:
        """Steady times [rows] at which the rows of a chunk are reached. stamp_s: steady time of its observation."""
        return stamp_s + self.step_s * np.arange(1, rows + 1)

    def ahead(
        self,
        stamp_s: float,
        positions: np.ndarray,
        passengers: Mapping[str, np.ndarray],
        now_s: float,
        prefix_steps: int = 0,
        resting_since_s: float | None = None,
    ) -> Knots | None:
        """The rows [T, N] of a chunk that are ahead; None where none is.

        resting_since_s: since when the robot has stood still. If it stood when the chunk's observation was made,
        nothing of the chunk is over yet: its first row is due one step from now.
        """
        stood = resting_since_s is not None and resting_since_s <= stamp_s
        times = self.due_times(max(stamp_s, now_s) if stood else stamp_s, len(positions))
        left = times > now_s + _SHORTEST_STEP * self.step_s
        if not left.any():
            return None
        told_until = times[prefix_steps - 1] if prefix_steps else now_s
        rows = {name: values[left] for name, values in passengers.items()}
        return Knots(times[left], positions[left], rows, max(float(told_until), now_s))

    def blended(self, knots: Knots, under_way: np.ndarray, now_s: float) -> Knots:
        """`knots`, mixed with where the motion under way is at their times, [K, N]; a chunk that goes on from what it
        was told fits already and is left as it is."""
        if self._blend_s <= 0.0 or knots.told_until_s > now_s:
            return knots
        share = np.clip((knots.times_s - now_s) / self._blend_s, 0.0, 1.0)[:, None]
        share = share * share * (3.0 - 2.0 * share)  # a straight fade would bend the path at both of its ends
        mixed = (1.0 - share) * under_way + share * knots.positions
        return Knots(knots.times_s, mixed, knots.passengers, knots.told_until_s)


def sample_trajectory(
    motion: Motion, now_s: float, spacing_s: float, past_s: float = 0.0
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The whole motion that is left, and what was done in the `past_s` before now: times from then on [P] (strictly
    increasing, the first above 0), positions and velocities [P, N], the last velocity exactly zero. A motion at rest
    gives its resting place, one point."""
    from_s = now_s - past_s
    left = max(motion.rest_s - from_s, 0.0)
    count = max(int(np.ceil(left / spacing_s)), 1)
    times = spacing_s * np.arange(1, count + 1)
    there = motion.at(from_s + times)
    velocities = there.velocity.copy()
    velocities[-1] = 0.0
    return times, there.position, velocities
