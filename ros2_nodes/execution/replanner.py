"""When to ask for the next chunk, and how much of the motion under way to tell the model."""

from __future__ import annotations

import math
from collections import deque

from ros2_nodes.contract import ExecutionSettings

_REMEMBERED = 20


class LatencyEstimate:
    """What inference takes, from an observation's capture to the answer: the longest of the last 20, so that the told
    actions cover all but the rarest call."""

    def __init__(self, first_guess_s: float) -> None:
        self._first_guess_s = first_guess_s
        self._measured: deque[float] = deque(maxlen=_REMEMBERED)

    def add(self, latency_s: float) -> None:
        self._measured.append(latency_s)

    @property
    def value_s(self) -> float:
        return max(self._measured, default=self._first_guess_s)


class Replanner:
    """Asks as often as `execution_horizon` actions are executed, never faster than `max_replan_rate_hz`, one at a time.

    step_s: seconds between two actions. chunk_size: actions of a chunk. lead_s: from an answer to its taking over.
    """

    def __init__(self, settings: ExecutionSettings, step_s: float, chunk_size: int, lead_s: float = 0.0) -> None:
        self._settings, self._step_s, self._chunk_size, self._lead_s = settings, step_s, chunk_size, lead_s
        self.latency = LatencyEstimate(settings.inference_ms / 1e3)
        self._asked_s = -math.inf

    @property
    def period_s(self) -> float:
        """Seconds from question to question, where answers come in time."""
        return max(self._settings.execution_horizon * self._step_s, 1.0 / self._settings.max_replan_rate_hz)

    def due(self, now_s: float) -> bool:
        """Whether it is time to ask. A tick that comes a little early counts: the next one would be late."""
        return now_s >= self._asked_s + self.period_s - 0.5 * self._step_s

    def asked(self, now_s: float) -> None:
        self._asked_s = now_s

    def ask_soon(self) -> None:
        """The plan failed or ended: ask at the next tick."""
        self._asked_s = -math.inf

    def wait(self, now_s: float, pause_s: float) -> None:
        """Ask again only after a pause."""
        self._asked_s = now_s + pause_s - self.period_s + 0.5 * self._step_s

    @property
    def prefix_steps(self) -> int:
        """Actions that will be executed before the answer takes over, from the observation's capture on. One row at
        least is left for the model to choose."""
        if not self._settings.prefix:
            return 0
        covered = math.ceil(round((self.latency.value_s + self._lead_s) / self._step_s, 6))
        return min(max(covered, 1), self._chunk_size - 1)

    @property
    def too_slow(self) -> bool:
        """Whether a chunk is used up before the next one can be there."""
        return self.latency.value_s + self._lead_s + self.period_s > self._chunk_size * self._step_s
