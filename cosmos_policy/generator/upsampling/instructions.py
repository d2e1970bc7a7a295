"""What a writer is told, in our own words."""

from __future__ import annotations

from pydantic import BaseModel

from cosmos_policy.generator.upsampling.caption import outline

_TASKS = {
    "text-to-image": (
        "You plan photographs. From a short wish you write the full description of one picture that fulfils it."
    ),
    "text-to-video": (
        "You plan short films. From a short wish you write the full description of one film of {seconds:.1f} seconds "
        "that fulfils it."
    ),
    "image-to-video": (
        "You plan short films. You are given their first picture and a short wish, and you write the full description "
        "of the film of {seconds:.1f} seconds that begins with exactly this picture and fulfils the wish. Everything "
        "that can be seen in the picture is described as it is there."
    ),
}
_RULES = (
    "Keep everything that the wish says, and contradict none of it. Where it is silent, decide, in plausible detail.",
    "Describe only what can be seen or heard. Bodies, light and motion obey physics.",
    "Every text is full English prose without line breaks. Leave a text empty where it does not apply.",
)
_FILM_RULES = (
    'Times are minutes and seconds, as in "0:00-0:02"; together they cover the film from 0:00 to {end}.',
    "Actions and segments tell of the same things in the same order, and temporal_caption tells all of it once more.",
)


def instruction(mode: str, caption: type[BaseModel], seconds: float) -> str:
    """The system prompt. mode: a key of ``_TASKS``. seconds: the film's length."""
    end = f"{round(seconds) // 60}:{round(seconds) % 60:02d}"
    rules = _RULES + (() if mode == "text-to-image" else _FILM_RULES)
    listed = "\n".join(f"- {rule.format(end=end)}" for rule in rules)
    return (
        f"{_TASKS[mode].format(seconds=seconds)}\n\nAnswer with one JSON object and nothing else. It has exactly these "
        f"fields:\n{outline(caption)}\n\n{listed}"
    )


def wish(prompt: str) -> str:
    """The user's turn."""
    return f"The wish: {prompt.strip()}"


def complaint(reason: str) -> str:
    """What is said to an answer that cannot be used."""
    return f"This cannot be used: {reason}. Answer once more, with the whole corrected JSON object and nothing else."
