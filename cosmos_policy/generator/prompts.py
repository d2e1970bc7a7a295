"""The sentences about size and length that stood behind every caption in training.

To the character those of diffusers 0.42.1's ``Cosmos3OmniPipeline.tokenize_prompt``, the negative prompt's included.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

logger = logging.getLogger(__name__)
#: what training captions had at most
MOST_WORDS = 300


@dataclass(frozen=True)
class Facts:
    """What the sentences tell. fps in Hz, width and height in pixels. duration, resolution: which of them are told."""

    num_frames: int
    fps: float
    width: int
    height: int
    duration: bool = True
    resolution: bool = True


def complete_prompt(prompt: str, facts: Facts) -> str:
    """`prompt` as the network reads it."""
    return _complete(prompt, facts, "")


def complete_negative_prompt(prompt: str, facts: Facts) -> str:
    """The negative prompt, which says that none of it is so."""
    return _complete(prompt, facts, "not ")


def warn_if_long(prompt: str) -> None:
    """Say that a prompt in prose has more words than training captions had; structured ones are long by nature."""
    words = 0 if prompt.lstrip().startswith("{") else len(prompt.split())
    if words > MOST_WORDS:
        logger.warning("The prompt has %d words; the model follows prompts of up to %d words best.", words, MOST_WORDS)


def _complete(text: str, facts: Facts, no: str) -> str:
    kind = "image" if facts.num_frames == 1 else "video"
    if facts.duration and facts.num_frames > 1:
        seconds = facts.num_frames / facts.fps
        text = _append(text, f"The video is {no}{seconds:.1f} seconds long and is {no}of {facts.fps:.0f} FPS.")
    if facts.resolution:
        text = _append(text, f"This {kind} is {no}of {facts.height}x{facts.width} resolution.")
    return text


def _append(text: str, sentence: str) -> str:
    text = text.rstrip(".")
    return f"{text}. {sentence}" if text else sentence
