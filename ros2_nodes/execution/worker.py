"""Inference in one thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable

from cosmos_policy.errors import Failure
from cosmos_policy.types import ActionChunk, PolicyRequest
from ros2_nodes.execution.inference import Answer, Inference


class InferenceWorker(Inference):
    """Calls `policy` in one thread: never two at once, and of what waits the newest wins.

    policy: such as ``model.policy``. on_answer: called in the worker's thread when an answer is there, to wake whoever
    polls; it must return at once. Exceptions of the policy become answers; nothing is lost.
    """

    def __init__(
        self, policy: Callable[[PolicyRequest], ActionChunk], on_answer: Callable[[], None] = lambda: None
    ) -> None:
        self._policy, self._on_answer = policy, on_answer
        self._changed = threading.Condition()
        self._waiting: PolicyRequest | None = None
        self._under_way = False
        self._answer: Answer | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="inference", daemon=True)
        self._thread.start()

    def ask(self, request: PolicyRequest) -> None:
        with self._changed:
            if self._closed:
                raise Failure("the inference worker is closed: make another one")
            self._waiting, self._answer = request, None
            self._changed.notify()

    def poll(self) -> Answer | None:
        with self._changed:
            answer, self._answer = self._answer, None
            return answer

    @property
    def busy(self) -> bool:
        with self._changed:
            return self._under_way or self._waiting is not None

    def close(self, timeout_s: float = 1.0) -> bool:
        """Take no more questions. Whether the thread ended in time: a call under way cannot be broken off."""
        with self._changed:
            self._closed, self._waiting = True, None
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._waiting is not None)
                if self._closed:
                    return
                request, self._waiting, self._under_way = self._waiting, None, True
            answer = self._ask(request)
            with self._changed:
                self._under_way = False
                if self._waiting is None:  # else a newer question took its place, and nobody wants this answer
                    self._answer = answer
            self._on_answer()

    def _ask(self, request: PolicyRequest) -> Answer:
        try:
            return Answer(request, self._policy(request), None)
        except Exception as error:  # whatever a model or a wire can raise: the loop turns it into a reason
            return Answer(request, None, error)
