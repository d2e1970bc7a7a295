"""What no checkpoint generates, told before one is loaded."""

from __future__ import annotations

from numbers import Integral

from cosmos_policy.errors import UsageError
from cosmos_policy.generator.controls import check_transfer
from cosmos_policy.generator.formats import TIERS, USUAL, check_length, check_rate, choose_size
from cosmos_policy.types import GenerateRequest


def check_request(request: GenerateRequest) -> None:
    """Raise a :class:`UsageError` where `request` cannot be generated, whatever the checkpoint."""
    _check_words(request)
    _check_combination(request)
    choose_size(request, TIERS[0])
    check_rate(request.fps)
    check_length(length_asked(request))


def length_asked(request: GenerateRequest) -> int:
    """Frames of the whole answer."""
    if request.transfer is None:
        return USUAL if request.num_frames is None else request.num_frames
    longest = min(len(video) for video in request.transfer.videos.values())
    if request.num_frames is None:
        return longest
    if isinstance(request.num_frames, Integral) and request.num_frames > longest:
        raise UsageError(f"num_frames is {request.num_frames}, but the control videos have {longest}.")
    return request.num_frames


def _check_words(request: GenerateRequest) -> None:
    for name in ("prompt", "negative_prompt"):
        if not isinstance(getattr(request, name), str):
            raise UsageError(f"{name} is a {type(getattr(request, name)).__name__}; expected a string.")
    if not request.prompt.strip():
        raise UsageError("The prompt is empty; say what is to be generated.")
    most = request.max_prompt_tokens
    if most is not None and not (isinstance(most, Integral) and most >= 1):
        raise UsageError(f"max_prompt_tokens is {most!r}; expected a whole number of tokens, 1 or more.")
    if not isinstance(request.seed, Integral) or not -(2**63) <= request.seed < 2**63:
        raise UsageError(f"seed is {request.seed!r}; expected a whole number of 64 bits.")


def _check_combination(request: GenerateRequest) -> None:
    picture = request.num_frames == 1
    if request.image is not None and request.video is not None:
        raise UsageError("image and video were both given; expected one of them to go on from.")
    if picture and (request.image is not None or request.video is not None):
        raise UsageError(
            "A single picture is made from words alone: leave image and video out, or ask for more frames."
        )
    if picture and request.sound:
        raise UsageError("A picture makes no sound; ask for at least 5 frames, or leave sound out.")
    if request.condition_from not in ("first", "last"):
        raise UsageError(f"condition_from is {request.condition_from!r}; expected 'first' or 'last'.")
    if request.transfer is not None:
        check_transfer(request.transfer)
        if request.sound or request.image is not None:
            given = "sound" if request.sound else "an image"
            raise UsageError(f"A transfer from control videos takes no {given.removeprefix('an ')}; leave it out.")
        if (request.video is None) != (request.transfer.start_frames == 0):
            raise UsageError(
                "video and transfer.start_frames go together: the made video begins with that many of its frames."
            )
