"""One question at a time to the model, asked ahead of need."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from cosmos_policy.types import ActionChunk, PolicyRequest


@dataclass(frozen=True)
class Answer:
    """What came of a question: the chunk, or the error that the call ended in."""

    request: PolicyRequest
    chunk: ActionChunk | None
    error: Exception | None


class Inference(ABC):
    """Where questions go. Only one is under way; one more may wait, and a newer one takes its place."""

    @abstractmethod
    def ask(self, request: PolicyRequest) -> None:
        """Ask now, or as soon as the present question is answered: the newest that waits wins. Returns at once."""

    @abstractmethod
    def poll(self) -> Answer | None:
        """The answer to the last question, once, or None."""

    @property
    @abstractmethod
    def busy(self) -> bool:
        """Whether a question is under way or waits."""

    def close(self) -> None:  # noqa: B027 (nothing to give back is a fine default)
        """Answer nothing more; a call that is under way is waited for where it can be."""
