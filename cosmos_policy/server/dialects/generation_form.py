"""The fields of a generation over OpenAI's surface, as a typed request. Every field is read or refused."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.generator.checks import check_request
from cosmos_policy.generator.formats import USUAL
from cosmos_policy.server.dialects import form_fields
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.media.clips import decode_clip
from cosmos_policy.server.media.images import decode_image
from cosmos_policy.server.service import Service
from cosmos_policy.types import GenerateRequest, Transfer
from cosmos_policy.wire.readers import read_number, read_text, read_whole

#: fields of `extra_params` that a generation reads
EXTRA_PARAMS = (
    "condition_frame_indexes_vision", "condition_video_keep", "use_resolution_template", "use_duration_template",
    "guardrails", "controls", "control_guidance", "num_video_frames_per_chunk", "num_conditional_frames",
    "num_first_chunk_conditional_frames",
)  # fmt: skip
MOST_CONTROLS = 5
_PICTURE_SIGNATURES = (b"\x89PNG", b"\xff\xd8\xff")


def read_generation(form: Mapping[str, Any], extra: Mapping[str, Any], service: Service) -> GenerateRequest:
    """The request in a video form. Decodes uploads, and so belongs into a thread."""
    service.require_call("generate")
    form_fields.check_known(extra, EXTRA_PARAMS, "extra_params of a generation have")
    fps = form_fields.number(form.get("fps"), "fps")
    fps = 24 if fps is None else fps
    pictures = _pictures(form, service)
    request = common_request(
        form,
        extra,
        service,
        fps=fps,
        num_frames=_num_frames(form, fps),
        sound=form_fields.flag(form.get("generate_sound", False), "generate_sound"),
        transfer=_transfer(extra, service),
        condition_frames=_indexes(extra.get("condition_frame_indexes_vision")),
        condition_from=read_text(extra.get("condition_video_keep", "first"), "condition_video_keep"),
        **pictures,
    )
    if request.num_frames == 1:
        raise Invalid("One frame is a picture: POST /v1/images/generations, or ask for 5 frames or more.")
    return request


def common_request(
    form: Mapping[str, Any], extra: Mapping[str, Any], service: Service, **fields: Any
) -> GenerateRequest:
    """What pictures and videos have in common, with `fields` of their own; checked."""
    request = GenerateRequest(
        prompt=read_text(form.get("prompt", ""), "prompt"),
        negative_prompt=read_text(form.get("negative_prompt") or "", "negative_prompt"),
        size=read_size(form.get("size")),
        seed=form_fields.whole(form.get("seed", 0), "seed", 0, 2**63 - 1),
        sampling=form_fields.sampling(form),
        resolution_template=form_fields.flag(extra.get("use_resolution_template", True), "use_resolution_template"),
        duration_template=form_fields.flag(extra.get("use_duration_template", True), "use_duration_template"),
        max_prompt_tokens=form_fields.whole(form.get("max_sequence_length"), "max_sequence_length", 1, 2**20),
        guardrails=form_fields.guardrails(extra, service),
        **fields,
    )
    check_request(request)
    return request


def read_size(text: Any) -> tuple[int, int] | None:
    """ "832x480" as (width, height); None where it is left to the checkpoint."""
    if text in (None, "", "auto"):
        return None
    width, _, height = text.partition("x") if isinstance(text, str) else ("", "", "")
    if not (width.isdecimal() and height.isdecimal() and len(text) < 12):
        raise Invalid(f'size must be width and height, such as "832x480", not {str(text)[:40]!r}.')
    return int(width), int(height)


def length_s(request: GenerateRequest) -> float:
    """Seconds of the video."""
    frames = request.num_frames
    if frames is None:
        frames = USUAL if request.transfer is None else min(map(len, request.transfer.videos.values()))
    return frames / request.fps


def _num_frames(form: Mapping[str, Any], fps: float) -> int | None:
    frames = form_fields.whole(form.get("num_frames"), "num_frames", 1, 1024)
    seconds = form_fields.number(form.get("seconds"), "seconds")
    if seconds is None:
        return frames
    if frames is not None:
        raise Invalid("num_frames and seconds were both given; expected one of them.")
    return read_whole(round(seconds * fps), "seconds times fps", 1, 1024)


def _pictures(form: Mapping[str, Any], service: Service) -> dict[str, np.ndarray]:
    """The upload as the first frame, or as the video to go on from."""
    data = form_fields.reference(form.get("input_reference"), "input_reference", service)
    if data is None:
        return {}
    limits = service.settings.limits
    if data.startswith(_PICTURE_SIGNATURES) or data[8:12] == b"WEBP":
        return {"image": decode_image(data, "input_reference", limits)}
    return {"video": decode_clip(data, "input_reference", limits)}


def _transfer(extra: Mapping[str, Any], service: Service) -> Transfer | None:
    """Control videos: `controls` maps a kind to a URL."""
    controls = extra.get("controls")
    if controls is None:
        return None
    if not isinstance(controls, Mapping) or not 1 <= len(controls) <= MOST_CONTROLS:
        raise Invalid(f"controls must map 1 to {MOST_CONTROLS} kinds to the URLs of their videos.")
    videos = {}
    for kind, value in controls.items():
        name = f"controls.{str(kind)[:40]}"
        data = form_fields.reference(value, name, service)
        if data is None:
            raise Invalid(f"{name} is null; expected the URL of a video.")
        videos[str(kind)] = decode_clip(data, name, service.settings.limits)
    return Transfer(
        videos,
        guidance=read_number(extra.get("control_guidance", 1.0), "control_guidance"),
        chunk_frames=form_fields.whole(extra.get("num_video_frames_per_chunk"), "num_video_frames_per_chunk", 1, 1024),
        overlap_frames=read_whole(extra.get("num_conditional_frames", 1), "num_conditional_frames", 1, 1024),
        start_frames=read_whole(
            extra.get("num_first_chunk_conditional_frames", 0), "num_first_chunk_conditional_frames", 0, 1024
        ),
    )


def _indexes(value: Any) -> tuple[int, ...]:
    if value is None:
        return (0, 1)
    if not isinstance(value, list) or not 1 <= len(value) <= 100:
        raise Invalid("condition_frame_indexes_vision must be a list of latent frames, such as [0, 1].")
    return tuple(read_whole(index, "condition_frame_indexes_vision", 0, 1024) for index in value)
