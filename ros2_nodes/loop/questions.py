"""What is asked of the model, and when: one question at a time, and only the answer to the last one counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cosmos_policy.types import Observation, PolicyRequest
from embodiments import Embodiment
from ros2_nodes.contract import ExecutionSettings
from ros2_nodes.execution import Answer, Inference, Replanner
from ros2_nodes.reasons import Cause, Reason

_RETRY_S = 1.0
"""After a failed call, before the next one."""


@dataclass(frozen=True)
class Question:
    """request, when it was asked, and when its observation was captured (steady seconds)."""

    request: PolicyRequest
    asked_s: float
    stamp_s: float

    @property
    def prefix_steps(self) -> int:
        return 0 if self.request.prefix is None else len(self.request.prefix)


class Questions:
    """Asks ahead of need. Steady seconds throughout. seed: of the first question; each next one gets the next. lead_s:
    from an answer to its taking over."""

    def __init__(
        self, settings: ExecutionSettings, embodiment: Embodiment, inference: Inference, seed: int, lead_s: float
    ) -> None:
        self._deadline_ms, self._embodiment, self._inference = settings.deadline_ms, embodiment, inference
        self._replanner = Replanner(settings, 1.0 / embodiment.fps, embodiment.chunk_size, lead_s)
        self._next_seed = seed
        self._open: Question | None = None
        self.instruction = embodiment.instruction_default
        self.inference_ms: float | None = None
        """What the last answer took, from its question on."""

    @property
    def too_slow(self) -> bool:
        """Whether a chunk is used up before the next one can be there."""
        return self._replanner.too_slow

    @property
    def prefix_steps(self) -> int:
        """Actions that the model should be told."""
        return self._replanner.prefix_steps

    def instruct(self, instruction: str) -> None:
        """ "" takes the embodiment's own instruction, or none."""
        self.instruction = instruction or self._embodiment.instruction_default

    def due(self, now_s: float) -> bool:
        """Whether it is time to ask, and nobody is being asked."""
        return self._open is None and not self._inference.busy and self._replanner.due(now_s)

    def ask(
        self, observation: Observation, stamp_s: float, prefix: np.ndarray | None, video: bool, now_s: float
    ) -> PolicyRequest:
        """Ask for the next chunk. prefix: [p, D] unified, what will be executed meanwhile."""
        request = PolicyRequest(
            observation, self.instruction, self._embodiment, seed=self._next_seed, video=video, prefix=prefix
        )
        self._next_seed += 1
        self._open = Question(request, now_s, stamp_s)
        self._replanner.asked(now_s)
        self._inference.ask(request)
        return request

    def answered(self, now_s: float) -> tuple[Question, Answer] | None:
        """The answer to the open question, once it is there; answers to others are dropped."""
        answer, question = self._inference.poll(), self._open
        if answer is None or question is None or answer.request is not question.request:
            return None
        self._open = None
        self.inference_ms = 1e3 * (now_s - question.asked_s)
        if answer.error is None:
            self._replanner.latency.add(now_s - question.stamp_s)
        return question, answer

    def late(self, now_s: float) -> tuple[Cause, ...]:
        """Whether the open question has missed its deadline; it is given up then."""
        if self._open is None:
            return ()
        waited_ms = 1e3 * (now_s - self._open.asked_s)
        if waited_ms <= self._deadline_ms:
            return ()
        self._open = None
        detail = f"no answer for {waited_ms:.0f} ms, more than {self._deadline_ms:g} ms"
        return (Cause(Reason.INFERENCE_LATE, detail),)

    def give_up(self) -> None:
        """The open question counts no more; the next one may come at once."""
        self._open = None
        self._replanner.ask_soon()

    def ask_soon(self) -> None:
        """The last chunk was of no use: ask at the next tick."""
        self._replanner.ask_soon()

    def pause(self, now_s: float) -> None:
        """The call failed: leave the server alone for a moment."""
        self._replanner.wait(now_s, _RETRY_S)
