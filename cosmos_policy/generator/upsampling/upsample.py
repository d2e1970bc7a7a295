"""A request with a short prompt in, the same request with a structured one out."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from pydantic import BaseModel, ValidationError

from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.generator.formats import SIZES, USUAL, check_length, check_rate, choose_size
from cosmos_policy.generator.prompts import warn_if_long
from cosmos_policy.generator.upsampling.caption import ImageCaption, VideoCaption
from cosmos_policy.generator.upsampling.instructions import complaint, instruction, wish
from cosmos_policy.generator.upsampling.writers import Turn, Writer
from cosmos_policy.types import GenerateRequest


def upsample(request: GenerateRequest, writer: Writer, default_tier: int) -> GenerateRequest:
    """`request` with its prompt as a structured caption, which tells size and length itself: the templates are off.

    default_tier: the checkpoint's resolution tier. Text-to-image, text-to-video and image-to-video are upsampled;
    anything else raises a :class:`UsageError`. A :class:`Failure` says that the writer's second answer was no caption
    either.
    """
    mode = _mode(request)
    warn_if_long(request.prompt)
    frames = check_length(USUAL if request.num_frames is None else request.num_frames)
    fps, size = check_rate(request.fps), choose_size(request, default_tier)
    kind = ImageCaption if frames == 1 else VideoCaption
    turns = [
        Turn("system", instruction(mode, kind, frames / fps)),
        Turn("user", wish(request.prompt), request.image),
    ]
    text = writer.write(turns)
    caption, reason = read_caption(text, kind)
    if caption is None:
        text = writer.write([*turns, Turn("assistant", text), Turn("user", complaint(reason))])
        caption, reason = read_caption(text, kind)
    if caption is None:
        raise Failure(
            f"The prompt could not be upsampled: {reason}, twice. Write more of it yourself, or leave it as is."
        )
    facts = _facts(frames, fps, size)
    prompt = json.dumps({**caption.model_dump(), **facts}, ensure_ascii=False)
    return replace(
        request,
        prompt=prompt,
        size=size,
        aspect_ratio=None,
        sampling=replace(request.sampling, resolution_tier=None),
        resolution_template=False,
        duration_template=False,
    )


def read_caption(text: str, kind: type[BaseModel]) -> tuple[BaseModel | None, str]:
    """The caption in a writer's answer, or None and what is wrong with it. Words around the JSON are passed over."""
    found = find_object(text)
    if found is None:
        return None, "the answer holds no JSON object"
    try:
        return kind.model_validate(found), ""
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5]]
        return None, "; ".join(wrong)


def find_object(text: str) -> dict[str, Any] | None:
    """The first JSON object in `text` that is whole; None without any."""
    decoder, start = json.JSONDecoder(), text.find("{")
    while start != -1:
        try:
            found, _ = decoder.raw_decode(text, start)
        except (ValueError, RecursionError):
            start = text.find("{", start + 1)
            continue
        return found
    return None


def _mode(request: GenerateRequest) -> str:
    if request.video is not None or request.transfer is not None:
        raise UsageError("Prompts are upsampled from text, or from text and a first picture; leave the video out.")
    if not isinstance(request.prompt, str) or not request.prompt.strip():
        raise UsageError("The prompt is empty; say what is to be generated.")
    if request.image is not None:
        return "image-to-video"
    return "text-to-image" if request.num_frames == 1 else "text-to-video"


def _facts(frames: int, fps: float, size: tuple[int, int]) -> dict[str, Any]:
    """What the request settles, and no writer."""
    ratio = next(ratio for (_, ratio), known in SIZES.items() if known == size)
    facts: dict[str, Any] = {"resolution": {"H": size[1], "W": size[0]}, "aspect_ratio": ratio.replace(":", ",")}
    if frames > 1:
        facts |= {"duration": f"{math.floor(frames / fps)}s", "fps": fps}
    return facts
