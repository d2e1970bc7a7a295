"""One way to read quantities for blocks, whether a whole trajectory is there or only the present instant."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping

import numpy as np

from embodiments.columns import Field
from embodiments.errors import EmbodimentError
from embodiments.trajectory import Trajectory, as_instant, as_rows, pick


class Reader(ABC):
    """Gives the rows of a field: instants 0..T for poses, and the T rows that go with the T steps."""

    def __init__(self) -> None:
        self._derived: dict[Hashable, np.ndarray] = {}

    def derived(self, owner: Hashable, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """`compute()`, once for all blocks that ask with an equal `owner`: three tips stand on one base."""
        if owner not in self._derived:
            self._derived[owner] = compute()
        return self._derived[owner]

    def lacks_but_holds(self, wanted: tuple[Field, ...], instead: tuple[Field, ...]) -> bool:
        """Whether not all of `wanted` is there, but all of `instead` is. Never of a recording, which holds what was
        measured."""
        return False

    @abstractmethod
    def instants(self, field: Field) -> np.ndarray:
        """Rows 0..T, float64 [T+1, *shape]; of the present state alone [1, *shape]."""

    @abstractmethod
    def steps(self, field: Field) -> np.ndarray:
        """The row of each step, float64 [T, *shape]: commands at instants 0..T-1, states at instants 1..T."""


class TrajectoryReader(Reader):
    """Reads a recorded trajectory of `num_steps` steps, checking every length on the way."""

    def __init__(self, trajectory: Trajectory, fields: tuple[Field, ...], pose_fields: tuple[Field, ...]) -> None:
        super().__init__()
        if not isinstance(trajectory, Trajectory):
            raise EmbodimentError(
                f"a recording must be an embodiments.Trajectory(states=..., commands=...), "
                f"but got a {type(trajectory).__name__}"
            )
        self._rows = {
            (field.role, field.name): as_rows(self._find(trajectory, field), field.name, field.shape)
            for field in fields
        }
        anchors = [field for field in fields if field.role == "state"] or list(pose_fields)
        if anchors:
            rows, name = len(self._rows[anchors[0].role, anchors[0].name]), anchors[0].name
            self.num_steps = rows - 1
        elif trajectory.states:
            name, values = next(iter(trajectory.states.items()))
            rows = len(np.atleast_1d(values))
            self.num_steps = rows - 1
        else:
            rows, name = len(self._rows[fields[0].role, fields[0].name]), fields[0].name
            self.num_steps = rows
        why = f"{name!r} has {rows} rows"
        if self.num_steps < 1:
            raise EmbodimentError(f"{why}, so the trajectory has no step; expected at least 2 instants")
        full = {(field.role, field.name) for field in (*pose_fields, *anchors)}
        for key, rows in self._rows.items():
            allowed = (self.num_steps + 1,) if key in full else (self.num_steps, self.num_steps + 1)
            if len(rows) not in allowed:
                raise EmbodimentError(
                    f"the {key[0]} {key[1]!r} has {len(rows)} rows, but {why}: expected "
                    f"{' or '.join(map(str, allowed))} rows (states T+1, commands T or T+1)"
                )

    @staticmethod
    def _find(trajectory: Trajectory, field: Field) -> np.ndarray:
        group = trajectory.states if field.role == "state" else trajectory.commands
        return pick(group, field.name, f"the trajectory's {field.role}s")

    def instants(self, field: Field) -> np.ndarray:
        return self._rows[field.role, field.name]

    def steps(self, field: Field) -> np.ndarray:
        rows = self._rows[field.role, field.name]
        return rows[1:] if field.role == "state" else rows[: self.num_steps]


class InstantReader(Reader):
    """Reads the present state: one instant, where states and last commands share one dictionary."""

    def __init__(self, state: Mapping[str, np.ndarray]) -> None:
        super().__init__()
        self._state = state

    def lacks_but_holds(self, wanted: tuple[Field, ...], instead: tuple[Field, ...]) -> bool:
        there = self._state or {}
        lacking = any(field.name not in there for field in wanted)
        return lacking and all(field.name in there for field in instead)

    def instants(self, field: Field) -> np.ndarray:
        return self.derived(
            field.name, lambda: as_instant(pick(self._state, field.name, "the present state"), field.name, field.shape)
        )

    steps = instants
