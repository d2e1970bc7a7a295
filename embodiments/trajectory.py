"""What a robot did over a stretch of time, as its own recording holds it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from embodiments.errors import EmbodimentError


@dataclass(frozen=True, eq=False)
class Trajectory:
    """States and commands of one robot at an even rate, in the robot's own units.

    `states[name]` holds T+1 rows (instants 0..T), `commands[name]` T or T+1 rows (0..T-1 are used as commands; a robot
    whose poses follow from commanded joints, such as `ur`, needs T+1). Arrays are taken as [rows, width]; a quantity of
    one number may come as [rows]. T is at least 1. Which names a robot needs: `embodiment.fields`.
    """

    states: Mapping[str, np.ndarray] = field(default_factory=dict)
    commands: Mapping[str, np.ndarray] = field(default_factory=dict)

    def state_at(self, row: int) -> dict[str, np.ndarray]:
        """The `state` argument of `Embodiment.decode`: every state at that instant, then the commands of that row that
        have no state of the same name."""
        chosen = {name: np.asarray(values)[row] for name, values in self.commands.items() if row < len(values)}
        chosen.update({name: np.asarray(values)[row] for name, values in self.states.items()})
        return chosen


def as_rows(values: np.ndarray, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float64 [rows, *shape] from one quantity of a trajectory, or `EmbodimentError`."""
    rows = _as_float64(values, name)
    if rows.ndim == 1 and shape == (1,):
        rows = rows[:, None]
    if rows.shape[1:] != shape or rows.ndim == 0:
        expected = ", ".join(["rows", *map(str, shape)])
        raise EmbodimentError(f"{name!r} must have shape [{expected}], but its shape is {list(rows.shape)}")
    return _finite(rows, name)


def as_instant(values: np.ndarray, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """float64 [1, *shape] from one quantity of a present state, or `EmbodimentError`."""
    instant = _as_float64(values, name)
    if instant.shape != shape and not (shape == (1,) and instant.shape == ()):
        raise EmbodimentError(
            f"{name!r} of the present state must have shape {list(shape)} (one instant, no time axis), "
            f"but its shape is {list(instant.shape)}"
        )
    return _finite(instant.reshape(1, *shape), name)


def pick(values: Mapping[str, np.ndarray], name: str, what: str) -> np.ndarray:
    """`values[name]`, or one sentence that says what there is instead."""
    try:
        return values[name]
    except (KeyError, TypeError):
        there = ", ".join(sorted(values)) if isinstance(values, Mapping) and values else "nothing"
        raise EmbodimentError(f"{what} lacks {name!r}; it holds {there}: add {name!r}") from None


def _as_float64(values: np.ndarray, name: str) -> np.ndarray:
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError):
        raise EmbodimentError(f"{name!r} must hold numbers in an even array, but got {type(values).__name__}") from None


def _finite(values: np.ndarray, name: str) -> np.ndarray:
    if not np.isfinite(values).all():
        where = np.argwhere(~np.isfinite(values))[0]
        raise EmbodimentError(
            f"{name!r} holds {values[tuple(where)]} at index {where.tolist()}; expected finite numbers: "
            "drop or repair that row of the recording"
        )
    return values
