"""The thoughts apart from the answer, in text that grows. Needs no library: clients of other engines read it too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cosmos_policy.types import ReplyDelta

OPENING, CLOSING = "<think>", "</think>"
#: said after the question where thoughts are wanted; the checkpoints were trained to write them between these marks
THINK_FIRST = (
    f"Reason about it first, in this form:\n\n{OPENING}\nwhat you see and conclude, step by step\n{CLOSING}\n\n"
    f"Then give the final answer, straight after {CLOSING}."
)


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
            kept = 0 if last else held_back(self._waiting, [CLOSING])
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


def held_back(text: str, endings: Sequence[str]) -> int:
    """How many characters at the end of `text` may be the beginning of one of `endings`."""
    longest = 0
    for ending in endings:
        for length in range(min(len(ending) - 1, len(text)), longest, -1):
            if text.endswith(ending[:length]):
                longest = length
                break
    return longest
