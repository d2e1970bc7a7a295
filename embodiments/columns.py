"""Names, kinds and units: of the columns of an action, and of the quantities that a robot reports or takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

METRES_PER_UNIT = {"m": 1.0, "cm": 0.01, "mm": 0.001}
RADIANS_PER_UNIT = {"rad": 1.0, "deg": np.pi / 180.0}
"""Units in which robots write lengths and angles."""

Sampler = Callable[[np.ndarray, np.random.Generator], np.ndarray]


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
    (used for examples and checks, never to clip). Examples come from `sample(times, generator)`, times in seconds, as
    an array [len(times), *shape]; left out, each number swings slowly over the share `swing` of its range.
    """

    name: str
    role: str
    shape: tuple[int, ...]
    unit: str
    meaning: str
    low: float | np.ndarray = -1.0
    high: float | np.ndarray = 1.0
    sample: Sampler | None = None
    swing: float = 0.15

    def example(self, times: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """A smooth valid example, float64 [len(times), *shape], at these times in seconds."""
        if self.sample is not None:
            return self.sample(times, generator)
        return smooth_in_range(times, generator, self.low, self.high, self.shape, self.swing)


def smooth_in_range(
    times: np.ndarray,
    generator: np.random.Generator,
    low: float | np.ndarray,
    high: float | np.ndarray,
    shape: tuple[int, ...],
    swing: float = 0.15,
) -> np.ndarray:
    """Slow sines, float64 [len(times), *shape]: from near the middle of [low, high], within it, 0.4 Hz."""
    low, high = np.broadcast_to(low, shape).astype(np.float64), np.broadcast_to(high, shape).astype(np.float64)
    start = low + (high - low) * generator.uniform(0.4, 0.6, shape)
    phase = 2.0 * np.pi * generator.uniform(0.0, 1.0, shape)
    turn = 2.0 * np.pi * 0.4 * np.reshape(times, (-1, *(1 for _ in shape))) + phase
    return start + swing * (high - low) * (np.sin(turn) - np.sin(phase)) / 2.0
