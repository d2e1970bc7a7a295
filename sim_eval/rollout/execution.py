"""Which row of which chunk a robot executes at each control step, when chunks take time to come.

A chunk is asked for with what is seen at step r and arrives `latency_steps` later, at a. Until then the robot goes on
with the chunk before (the first time it holds still). Row i of a chunk is meant for step r + i, so rows that lie in the
past when it arrives are skipped; the first chunk starts at row 0, for nothing has moved. From arrival to arrival
``period`` rows are executed. The rows that will be executed while a chunk is computed can be told to the model as its
prefix (real-time chunking: the model continues them), so that the seam fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk

Ask = Callable[[int, np.ndarray | None], ActionChunk]
"""From the number of the chunk and its prefix (``[p, D]`` unified, or None) to the chunk, seen from now."""


@dataclass(frozen=True)
class Timing:
    """How chunks are executed.

    execution_horizon: rows to execute of each chunk. latency_steps: control steps from asking to having.
    prefix: whether the model is told the rows that run meanwhile.
    """

    execution_horizon: int
    latency_steps: int = 0
    prefix: bool = True

    @classmethod
    def from_seconds(cls, execution_horizon: int, latency_s: float, period_s: float, prefix: bool) -> Timing:
        """A latency in seconds, rounded up to whole control steps of `period_s`."""
        if not (math.isfinite(latency_s) and latency_s >= 0):
            raise UsageError(f"the latency is {latency_s} s; expected a finite number of at least 0.")
        return cls(execution_horizon, math.ceil(round(latency_s / period_s, 9)), prefix)

    @property
    def period(self) -> int:
        """Control steps from one chunk's arrival to the next one's: there is one request at a time."""
        return max(self.execution_horizon, self.latency_steps)

    def executed_rows(self, number: int) -> tuple[int, int]:
        """The first row of chunk `number` (0, 1, ...) that is executed, and the one after the last."""
        first = self.latency_steps if number else 0
        return first, first + self.period

    def check(self, chunk_size: int) -> None:
        """A :class:`UsageError` where a chunk of that many rows runs out before the next one is there."""
        if self.execution_horizon < 1:
            raise UsageError(f"--execution-horizon is {self.execution_horizon}; expected at least 1 action.")
        needed = self.latency_steps + self.period
        if needed > chunk_size:
            raise UsageError(
                f"A chunk of {chunk_size} actions is used up before the next one arrives: {self.latency_steps} steps "
                f"of latency and {self.period} to execute need {needed}; choose a smaller --execution-horizon or "
                "--latency-ms."
            )


class ChunkExecution:
    """Executes chunks one after the other; :meth:`step` is called once a control step."""

    def __init__(self, timing: Timing, ask: Ask) -> None:
        self._timing, self._ask = timing, ask
        self.chunks_asked = 0
        self._step = self._next_request = 0
        self._coming: tuple[ActionChunk, int] | None = None
        """The chunk that is being computed, and the step it was asked for at."""
        self._active: tuple[ActionChunk, int] | None = None
        """The chunk that is executed, and the step that its row 0 is meant for."""
        self._chunks_received = 0

    @property
    def asks_now(self) -> bool:
        """Whether the coming :meth:`step` asks for a chunk, and so looks at the world."""
        return self._step == self._next_request

    @property
    def active_number(self) -> int:
        """The number of the chunk that :meth:`step` gave a row of last; -1 while the first one is on its way."""
        return self._chunks_received - 1

    def step(self) -> tuple[ActionChunk, int] | None:
        """The chunk and its row for this control step; None while the first one is on its way."""
        self._receive()
        if self.asks_now:
            self._coming = self._ask(self.chunks_asked, self._running_meanwhile()), self._step
            self.chunks_asked += 1
            self._next_request += self._timing.period
            self._receive()  # a chunk without latency is there at once
        due = None if self._active is None else (self._active[0], self._step - self._active[1])
        self._step += 1
        return due

    def _receive(self) -> None:
        if self._coming is None or self._step < self._coming[1] + self._timing.latency_steps:
            return
        chunk, asked_at = self._coming
        self._active = chunk, self._step if self._active is None else asked_at
        self._chunks_received += 1
        self._coming = None

    def _running_meanwhile(self) -> np.ndarray | None:
        if self._active is None or not self._timing.prefix or not self._timing.latency_steps:
            return None
        chunk, start = self._active
        return chunk.unified[self._step - start : self._step - start + self._timing.latency_steps]
