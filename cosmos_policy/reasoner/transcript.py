"""From tokens to words: text that grows, and the end at a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenizers.decoders import DecodeStream

from cosmos_policy.reasoner.thoughts import Thoughts, held_back
from cosmos_policy.types import ReplyDelta


@dataclass(eq=False)
class Transcript:
    """One answer while it is being written.

    tokenizer: transformers' fast one. stop: strings that end it. inside_thoughts: see :class:`Thoughts`.
    """

    tokenizer: object
    stop: Sequence[str] = ()
    inside_thoughts: bool = False
    tokens: list[int] = field(default_factory=list)
    stopped_by: str | None = None
    thought_tokens: int = 0

    def __post_init__(self) -> None:
        self._stream = DecodeStream(skip_special_tokens=True)
        self._thoughts = Thoughts(self.inside_thoughts)
        self._decoded = 0
        self._waiting = ""

    @property
    def text(self) -> str:
        """The answer so far, without what is held back."""
        return self._thoughts.answer

    @property
    def thoughts(self) -> str | None:
        """The thoughts so far; None where there are none."""
        return self._thoughts.thoughts

    def add(self, token: int) -> ReplyDelta:
        """One more token. Sets `stopped_by` where a stop string is complete: then nothing more is taken."""
        self.tokens.append(token)
        return self._take(self._stream.step(self.tokenizer.backend_tokenizer, token) or "", last=False)

    def finish(self) -> ReplyDelta:
        """Nothing more comes: what was held back belongs to the text, and so does a character cut in two."""
        if self.stopped_by is not None:
            return ReplyDelta()
        return self._take(self.tokenizer.decode(self.tokens, skip_special_tokens=True)[self._decoded :], last=True)

    def _take(self, text: str, last: bool) -> ReplyDelta:
        self._decoded += len(text)
        self._waiting += text
        found = [(self._waiting.find(ending), ending) for ending in self.stop if ending in self._waiting]
        if found:
            end, self.stopped_by = min(found)
            return self._pass(self._waiting[:end], last=True)
        kept = 0 if last else held_back(self._waiting, self.stop)
        return self._pass(self._waiting[: len(self._waiting) - kept], last)

    def _pass(self, text: str, last: bool) -> ReplyDelta:
        self._waiting = self._waiting[len(text) :]
        before = self._thoughts.inside or self._thoughts.thoughts is None
        delta = self._thoughts.add(text, last)
        if self._thoughts.thoughts is not None and before:
            self.thought_tokens = len(self.tokens)
        return delta
