"""Names, kinds and units: of the columns of an action, and of the quantities that a robot reports or takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

Sampler = Callable[[int, np.random.Generator], np.ndarray]


@dataclass(frozen=True)
class Column:
    """One column of the unified action.

    `name` is the Cosmos name without blanks ("pos_x", "rot_3", "gripper"), `kind` one of "position", "rotation",
    "gripper", "joint", "fingertip", and `unit` the SI unit ("m", "rad") or "1" for a number without unit.
    """

    name: str
    kind: str
    unit: str


@dataclass(frozen=True, eq=False)
class Field:
    """One quantity that the robot reports (`role` "state") or is told (`role` "command").

    `shape` is that of one instant, such as (7,) or (4, 4); `low` and `high` bound the values that the robot can take
    (used for examples and checks, never to clip). `sample(rows, generator)` gives a smooth valid example of shape
    [rows, *shape]; left out, it is a slow random walk between `low` and `high`.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    unit: str
    meaning: str
    low: float | np.ndarray = -1.0
    high: float | np.ndarray = 1.0
    sample: Sampler | None = None

    def example(self, rows: int, generator: np.random.Generator) -> np.ndarray:
        """A smooth valid example, float64 [rows, *shape]."""
        if self.sample is not None:
            return self.sample(rows, generator)
        return smooth_in_range(rows, generator, self.low, self.high, self.shape)


def smooth_in_range(
    rows: int, generator: np.random.Generator, low: float | np.ndarray, high: float | np.ndarray, shape: tuple[int, ...]
) -> np.ndarray:
    """A slow walk, float64 [rows, *shape], that starts in the middle of [low, high] and stays in it."""
    low, high = np.broadcast_to(low, shape).astype(np.float64), np.broadcast_to(high, shape).astype(np.float64)
    start = low + (high - low) * generator.uniform(0.35, 0.65, shape)
    # One sine a number: below 1 % of the range a row, so that the example looks like a robot at work.
    phase = 2.0 * np.pi * generator.uniform(0.0, 1.0, shape)
    time = np.arange(rows, dtype=np.float64).reshape(-1, *(1 for _ in shape))
    return start + 0.1 * (high - low) * (np.sin(0.08 * time + phase) - np.sin(phase)) / 2.0
