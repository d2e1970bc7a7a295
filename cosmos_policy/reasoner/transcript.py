"""From tokens to words: text that grows, the thoughts apart from the answer, the end at a stop string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from tokenizers.decoders import DecodeStream

from cosmos_policy.types import ReplyDelta

OPENING, CLOSING = "<think>", "</think>"


@dataclass(eq=False)
class Thoughts:
    """Parts a text that grows into thoughts and answer.

    The thoughts stand first, between <think> and </think>; the blank lines around them belong to neither.
    inside: whether the prompt has opened them already.
    """

    inside: bool = False
    thoughts: str | None = None
    answer: str = ""
    _waiting: str = ""
    _decided: bool = False

    def __post_init__(self) -> None:
        if self.inside:
            self._decided, self.thoughts = True, ""

    def add(self, text: str, last: bool = False) -> ReplyDelta:
        """`text` has come; `last`: nothing more will. Returns what is known of it to be thoughts, and to be answer."""
        self._waiting += text
        said, thought = "", ""
        if not self._decided:
            start = self._waiting.lstrip()
            if not last and OPENING.startswith(start[: len(OPENING)]) and len(start) < len(OPENING):
                return ReplyDelta()
            self._decided = True
            if start.startswith(OPENING):
                self.inside, self.thoughts, self._waiting = True, "", start[len(OPENING) :]
        if self.inside:
            thought = self._think(last)
        if not self.inside:
            said = self._say()
        return ReplyDelta(said, thought)

    def _think(self, last: bool) -> str:
        if not self.thoughts:
            self._waiting = self._waiting.lstrip()
        end = self._waiting.find(CLOSING)
        if end >= 0:
            thought, self._waiting = self._waiting[:end].rstrip(), self._waiting[end + len(CLOSING) :]
            self.inside = False
        else:
            kept = 0 if last else _held_back(self._waiting, [CLOSING])
            body = self._waiting[: len(self._waiting) - kept]
            kept += 0 if last else len(body) - len(body.rstrip())  # blanks may be those before the end
            thought = self._waiting[: len(self._waiting) - kept]
            self._waiting = self._waiting[len(thought) :]
            thought = thought.rstrip() if last else thought
        self.thoughts += thought
        return thought

    def _say(self) -> str:
        if self.thoughts is not None and not self.answer:
            self._waiting = self._waiting.lstrip()
        said, self._waiting = self._waiting, ""
        self.answer += said
        return said


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
        kept = 0 if last else _held_back(self._waiting, self.stop)
        return self._pass(self._waiting[: len(self._waiting) - kept], last)

    def _pass(self, text: str, last: bool) -> ReplyDelta:
        self._waiting = self._waiting[len(text) :]
        before = self._thoughts.inside or self._thoughts.thoughts is None
        delta = self._thoughts.add(text, last)
        if self._thoughts.thoughts is not None and before:
            self.thought_tokens = len(self.tokens)
        return delta


def _held_back(text: str, endings: Sequence[str]) -> int:
    """How many characters at the end of `text` may be the beginning of one of `endings`."""
    longest = 0
    for ending in endings:
        for length in range(min(len(ending) - 1, len(text)), longest, -1):
            if text.endswith(ending[:length]):
                longest = length
                break
    return longest
