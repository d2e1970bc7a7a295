"""Guardrails around generations: words are checked before, faces are made unrecognisable afterwards.

They are cosmos-guardrail's (the extra "guardrails"), with the models that NVIDIA publishes for it: a list of blocked
words, Qwen3Guard, and RetinaFace. Calls for robots neither use nor load them. Knows no torch until they are loaded.
"""

from __future__ import annotations

import importlib.util
import logging
from typing import Any, Literal

import numpy as np

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import GenerateRequest, Media

logger = logging.getLogger(__name__)

MODELS = "nvidia/Cosmos-1.0-Guardrail and Qwen/Qwen3Guard-Gen-0.6B"
WITHOUT = 'generate without guardrails: --no-guardrails, guardrails=False, or "guardrails": false in a request'
#: frames that are looked at in one go: all of a long video would be copied to the device as float32
FRAMES_AT_ONCE = 32
#: how cosmos-guardrail's parts say that they have failed, while they let everything pass
FAILED = "Unexpected error"

#: always: a request cannot switch them off. usual: on, unless a request does. on_request: off, unless a request asks.
#: never: the operator said so. missing: the package is not installed.
State = Literal["always", "usual", "on_request", "never", "missing"]


class Blocked(UsageError):
    """The guardrails refuse the words, or what was made of them."""


def state_of(setting: bool | None, wanted_by_checkpoint: bool) -> State:
    """When a model is guarded.

    setting: what the operator says; None: nothing. wanted_by_checkpoint: False for random weights, which show nothing.
    Raises :class:`UsageError` where guardrails are demanded and not installed.
    """
    installed = importlib.util.find_spec("cosmos_guardrail") is not None
    if setting and not installed:
        raise UsageError(
            "Guardrails were asked for, and cosmos-guardrail is not installed: install cosmos-policy[guardrails], or "
            f"{WITHOUT}."
        )
    if setting is not None:
        return "always" if setting else "never"
    if not installed:
        return "missing"
    return "usual" if wanted_by_checkpoint else "on_request"


def is_guarded(state: State, wanted: bool | None) -> bool:
    """Whether a request is guarded. wanted: what it says; None: nothing. Raises :class:`UsageError` where `state` does
    not let it choose so."""
    if wanted is None:
        return state in ("always", "usual")
    if wanted and state in ("never", "missing"):
        reason = "was started without them" if state == "never" else "has no cosmos-guardrail installed"
        raise UsageError(f"guardrails are not loaded: this model {reason}; give false, or leave it out.")
    if not wanted and state == "always":
        raise UsageError("guardrails cannot be switched off here; leave it out.")
    return wanted


class Guardrails:
    """checker: cosmos-guardrail's ``CosmosSafetyChecker``, on its device."""

    def __init__(self, checker: Any):
        self._checker = checker

    def check_words(self, request: GenerateRequest) -> None:
        """Raise :class:`Blocked` for a prompt that is not to be made, and :class:`Failure` where a check failed."""
        for name in ("prompt", "negative_prompt"):
            words = getattr(request, name)
            if not words:
                continue
            for part in self._checker.text_guardrail.safety_models:
                safe, message = part.is_safe(words)
                if message.startswith(FAILED):
                    raise Failure(f"The guardrail {type(part).__name__} failed on the {name}; the log says why.")
                if not safe:
                    logger.warning("blocked by %s: %s", type(part).__name__, message)
                    raise Blocked(
                        f"The {name} is blocked by the guardrail {type(part).__name__} (cosmos-guardrail); say it in "
                        "other words."
                    )

    def check_media(self, media: Media) -> Media:
        """`media` with faces pixelated. Raises :class:`Blocked` where frames are not to be shown at all."""
        pieces = []
        for start in range(0, len(media.frames), FRAMES_AT_ONCE):
            # it pixelates in place
            shown = self._checker.check_video_safety(media.frames[start : start + FRAMES_AT_ONCE].copy())
            if shown is None:
                raise Blocked("What was made is blocked by the guardrails (cosmos-guardrail); say it in other words.")
            pieces.append(shown)
        frames = np.concatenate(pieces)
        changed = int((frames != media.frames).any(axis=(1, 2, 3)).sum())
        info = {**media.info, "guardrails": {"checked": "words and frames", "frames_with_faces_pixelated": changed}}
        return Media(frames, media.fps, media.sound, media.sound_rate_hz, media.timing, info)


def load_guardrails(device: Any) -> Guardrails:
    """cosmos-guardrail with its published models, on `device`. Raises :class:`Failure` where they cannot be had."""
    try:
        from cosmos_guardrail import CosmosSafetyChecker

        checker = CosmosSafetyChecker()
    except Exception as error:  # each of its libraries has its own way to say that a file or a licence is missing
        reason = " ".join(str(error).split())[:200]
        raise Failure(
            f"cosmos-guardrail is installed, and its models ({MODELS}) cannot be had: {type(error).__name__}: "
            f"{reason}. Accept their licences and log in with `hf auth login`, or {WITHOUT}."
        ) from error
    checker.to(device)
    return Guardrails(checker)
