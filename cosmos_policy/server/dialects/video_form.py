"""The fields of a video request, checked one by one, as one of the typed action calls or as a generation.

Every field is read or refused: a setting that would have no effect here is an error, never dropped in silence.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.inputs import CANVASES
from cosmos_policy.server.dialects import generation_form
from cosmos_policy.server.dialects.bodies import parse_json, read_numbers
from cosmos_policy.server.dialects.form_fields import check_known, flag, number, reference, refuse_guardrails, sampling
from cosmos_policy.server.dialects.openai_models import require_model
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.media.clips import decode_clip
from cosmos_policy.server.media.images import decode_image
from cosmos_policy.server.media.references import read_local_file
from cosmos_policy.server.service import Service
from cosmos_policy.types import (
    ForwardDynamicsRequest,
    GenerateRequest,
    InverseDynamicsRequest,
    Observation,
    PolicyRequest,
)
from cosmos_policy.wire.readers import read_array, read_text, read_whole

FIELDS = (
    "prompt", "negative_prompt", "model", "size", "seconds", "num_frames", "fps", "num_inference_steps",
    "guidance_scale", "flow_shift", "seed", "max_sequence_length", "input_reference", "generate_sound", "extra_params",
)  # fmt: skip
ACTION_PARAMS = (
    "action_mode", "domain_name", "raw_action_dim", "action_chunk_size", "action", "action_path", "state",
    "condition_frame_indexes_vision", "condition_video_keep", "use_resolution_template", "use_duration_template",
    "guardrails",
)  # fmt: skip
MODES = ("policy", "inverse_dynamics", "forward_dynamics")
#: The prompt's length that the served text encoder was trained with; longer prompts are not cut here, but refused.
PROMPT_TOKENS = 512


@dataclass(frozen=True)
class VideoRequest:
    """mode: the call's name. request: typed. description: what the job tells about itself."""

    mode: str
    request: PolicyRequest | InverseDynamicsRequest | ForwardDynamicsRequest | GenerateRequest
    description: dict[str, Any]


def read_form(form: Mapping[str, Any], service: Service) -> VideoRequest:
    """The typed request in a form (text fields; `input_reference`: bytes or a reference). For a thread."""
    check_known(form, FIELDS, "There is")
    require_model(form.get("model"), service)
    prompt = read_text(form.get("prompt", ""), "prompt")
    extra = _extra_params(form.get("extra_params"))
    mode = extra.get("action_mode")
    if mode is None:
        return _generation(form, extra, prompt, service)
    check_known(extra, ACTION_PARAMS, "extra_params of an action mode have")
    if mode not in MODES:
        raise Invalid(f"action_mode must be one of {', '.join(MODES)}, not {str(mode)[:60]!r}.")
    _check_contract(form, extra, service)
    reader = {"policy": _policy, "inverse_dynamics": _inverse_dynamics, "forward_dynamics": _forward_dynamics}[mode]
    settings = {
        "embodiment": service.embodiment.name,
        "seed": read_whole(number(form.get("seed", 0), "seed"), "seed"),
        "sampling": sampling(form, _tier(form.get("size"))),
    }
    request = reader(prompt, _picture(form, service), extra, settings, service)
    steps = _steps(request, service)
    _check_length(form, extra, steps)
    description = {
        "model": service.facts["model"]["checkpoint"],
        "prompt": prompt,
        "seconds": f"{(steps + 1) / service.embodiment.fps:.3f}",
        "size": str(form.get("size", "auto")),
        "action_mode": mode,
    }
    return VideoRequest(mode, request, description)


def _generation(form: Mapping[str, Any], extra: dict[str, Any], prompt: str, service: Service) -> VideoRequest:
    request = generation_form.read_generation(form, extra, service)
    description = {
        "model": service.facts["model"]["checkpoint"],
        "prompt": prompt,
        "seconds": f"{generation_form.length_s(request):.3f}",
        "size": str(form.get("size", "auto")),
    }
    return VideoRequest("generate", request, description)


def _policy(prompt: str, reference: bytes, extra: dict, settings: dict, service: Service) -> PolicyRequest:
    frame = decode_image(reference, "input_reference", service.settings.limits)
    chunk = extra.get("action_chunk_size")
    return PolicyRequest(
        # Without a state no absolute commands can be told; the rows of the model and their SI values are.
        Observation(service.embodiment.split(frame), _state(extra, service)),
        prompt,
        chunk_size=None if chunk is None else read_whole(chunk, "action_chunk_size", 1, 1024),
        video=True,
        **settings,
    )


def _inverse_dynamics(
    prompt: str, reference: bytes, extra: dict, settings: dict, service: Service
) -> InverseDynamicsRequest:
    frames = decode_clip(reference, "input_reference", service.settings.limits)
    return InverseDynamicsRequest(frames, instruction=prompt or None, state=_state(extra, service), **settings)


def _forward_dynamics(
    prompt: str, reference: bytes, extra: dict, settings: dict, service: Service
) -> ForwardDynamicsRequest:
    frame = decode_image(reference, "input_reference", service.settings.limits)
    model, served = _actions(extra, service), service.facts["embodiment"]["normalizer"]
    if served != service.embodiment.normalizer.describe():
        raise Invalid(
            f"This checkpoint normalises actions by its own statistics ({served}), which are not known here: send SI "
            "units to /v1/actions/forward-dynamics."
        )
    return ForwardDynamicsRequest(
        # Files and fields of this surface hold what the network speaks; our calls take SI units.
        frame,
        service.embodiment.denormalize(model),
        instruction=prompt or None,
        state=_state(extra, service),
        **settings,
    )


def _extra_params(text: Any) -> dict[str, Any]:
    if text is None:
        return {}
    extra = parse_json(text.encode()) if isinstance(text, str) else text
    if not isinstance(extra, dict):
        raise Invalid("extra_params must be a JSON map.")
    return extra


def _check_contract(form: Mapping[str, Any], extra: dict[str, Any], service: Service) -> None:
    """What the caller believes of robot and model must be so."""
    robot = service.embodiment
    domain = extra.get("domain_name")
    if domain is not None and domain not in (robot.name, robot.domain_name, *robot.aliases):
        raise Invalid(
            f"domain_name is {str(domain)[:60]!r}, but this server serves {robot.name} ({robot.domain_name})."
        )
    expectations = {
        "raw_action_dim": (extra.get("raw_action_dim"), robot.action_dim),
        "fps": (number(form.get("fps"), "fps"), robot.fps),
        "max_sequence_length": (number(form.get("max_sequence_length"), "max_sequence_length"), PROMPT_TOKENS),
    }
    for name, (given, served) in expectations.items():
        if given is not None and given != served:
            raise Invalid(f"{name} is {str(given)[:40]}, but {robot.name} here has {served:g}.")
    if form.get("negative_prompt"):
        raise Invalid("negative_prompt has no effect on actions; leave it out.")
    if flag(form.get("generate_sound", False), "generate_sound"):
        raise Invalid("generate_sound: the action modes make no sound; leave it out.")
    refuse_guardrails(extra)
    for name in ("use_resolution_template", "use_duration_template"):
        if not flag(extra.get(name, True), name):
            raise Invalid(f"{name} cannot be switched off: the prompt is written as in training.")
    if extra.get("condition_video_keep", "first") != "first":
        raise Invalid("condition_video_keep must be 'first'.")
    indexes = extra.get("condition_frame_indexes_vision")
    if indexes is not None and extra["action_mode"] != "inverse_dynamics" and indexes != [0]:
        raise Invalid("condition_frame_indexes_vision must be [0]: one frame is known in this mode.")


def _check_length(form: Mapping[str, Any], extra: dict[str, Any], steps: int) -> None:
    frames = number(form.get("num_frames"), "num_frames")
    if frames is not None and frames != steps + 1:
        raise Invalid(f"num_frames is {frames:g}, but {steps} actions go with {steps + 1} frames.")
    chunk = extra.get("action_chunk_size")
    if chunk is not None and chunk != steps:
        raise Invalid(f"action_chunk_size is {str(chunk)[:40]}, but the request has {steps} steps.")
    if form.get("seconds") is not None:
        raise Invalid("seconds is settled by the robot's rate and the number of frames; leave it out.")


def _tier(size: Any) -> int | None:
    """The tier whose canvases include `size` ("832x480"); None where none was named."""
    if size is None:
        return None
    for tier, canvases in CANVASES.items():
        if any(size == f"{width}x{height}" for height, width in canvases.values()):
            return tier
    known = sorted({f"{width}x{height}" for canvases in CANVASES.values() for height, width in canvases.values()})
    raise Invalid(f"size {str(size)[:40]!r} is no canvas of this model; choose one of {', '.join(known)}.")


def _picture(form: Mapping[str, Any], service: Service) -> bytes:
    data = reference(form.get("input_reference"), "input_reference", service)
    if not data:
        raise Invalid(
            "input_reference is missing: upload the picture (or, for inverse_dynamics, the video) to start from."
        )
    return data


def _actions(extra: dict[str, Any], service: Service) -> np.ndarray:
    """[T, D] in model space, from `action` or the JSON file `action_path`."""
    given, path = extra.get("action"), extra.get("action_path")
    if (given is None) == (path is None):
        raise Invalid("forward_dynamics needs action (rows in model space) or action_path, and not both.")
    if path is not None:
        text = read_local_file(
            read_text(path, "action_path").removeprefix("file://"), "action_path", service.settings.security
        )
        given = parse_json(text)
        if isinstance(given, dict):
            given = given.get("action")
    actions = read_array(read_numbers(given, "action"), "action", 2)
    if actions.shape[1] != service.embodiment.action_dim:
        raise Invalid(
            f"action has {actions.shape[1]} columns; {service.embodiment.name} has {service.embodiment.action_dim}."
        )
    return np.asarray(actions, dtype=np.float64)


def _state(extra: dict[str, Any], service: Service) -> dict[str, np.ndarray] | None:
    state = extra.get("state")
    if state is None:
        return None
    if not isinstance(state, dict):
        raise Invalid("extra_params.state must be a map of state names to numbers.")
    return {name: read_array(read_numbers(value, name[:60]), f"state.{name[:60]}") for name, value in state.items()}


def _steps(request: Any, service: Service) -> int:
    if isinstance(request, PolicyRequest):
        return request.chunk_size or service.facts["embodiment"]["chunk_size"]
    return len(request.frames) - 1 if isinstance(request, InverseDynamicsRequest) else len(request.actions)
