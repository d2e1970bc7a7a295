"""Whether what is seen can happen."""

import re
from typing import Literal

from cosmos_policy.reasoner.tasks.answers import TypedAnswer
from cosmos_policy.reasoner.tasks.task import Ask, Scene, Task, Unreadable

#: an answer's letter, and not the article that begins a sentence
_LETTER = re.compile(r"\(?([AB])(?:[).:]|\s*(?:\n|$))")
_WORD = re.compile(r"\b(impossible|possible|implausible|plausible)\b", re.IGNORECASE)
_MEANS = {
    "A": "possible",
    "B": "impossible",
    "possible": "possible",
    "plausible": "possible",
    "impossible": "impossible",
    "implausible": "impossible",
}


class Plausibility(TypedAnswer):
    """label: whether the laws of physics allow what is seen."""

    label: Literal["possible", "impossible"]


def _prompt(ask: Ask, scene: Scene) -> str:
    about = f" {ask.question}" if ask.question else ""
    return (
        "Do the laws of physics allow what happens in this video? Judge the events: whether objects go on existing, "
        "keep their shape and move without jumps. Do not judge how well the video is made."
        f"{about}\n(A) Possible\n(B) Impossible\nAnswer with the letter alone."
    )


def _parse(text: str, ask: Ask, scene: Scene) -> Plausibility:
    """A letter at the beginning, else the one of the two words that stands there."""
    letter = _LETTER.match(text.strip())
    found = {_MEANS[letter[1]]} if letter else {_MEANS[word.lower()] for word in _WORD.findall(text)}
    if len(found) != 1:
        raise Unreadable("it says neither (A) Possible nor (B) Impossible, or both")
    return Plausibility(label=found.pop())


TASK = Task(
    name="physical-plausibility",
    summary="whether physics allows what happens: possible or impossible; the question says what not to judge",
    answer=Plausibility,
    prompt=_prompt,
    parse=_parse,
    media=("video",),
    question="optional",
)
