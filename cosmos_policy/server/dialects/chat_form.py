"""The body of ``/v1/chat/completions`` as a typed request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_policy.reasoner.clips import VIDEO_FPS, Looking
from cosmos_policy.reasoner.conversation import as_messages, read_conversation
from cosmos_policy.server.dialects import form_fields
from cosmos_policy.server.dialects.rest_schema import MESSAGES
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.media.references import read_reference
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.types import ReasonRequest, ReasonSampling
from cosmos_policy.wire.readers import LARGEST_SEED, MAX_STOPS, read_messages

NUMBERS = ("temperature", "top_p", "repetition_penalty", "presence_penalty", "frequency_penalty")
FIELDS = (
    "messages", "model", "stream", "stream_options", "max_tokens", "max_completion_tokens", "n", "seed", "stop",
    *NUMBERS, "top_k", "reasoning", "reasoning_effort", "chat_template_kwargs", "mm_processor_kwargs",
    "media_io_kwargs", "response_format", "user",
)  # fmt: skip
EFFORTS = ("none", "minimal", "low", "medium", "high")
MOST_TOKENS = 2**20
_NUMBER = {"type": ["number", "null"]}
BODY = {
    "type": "object",
    "required": ["messages"],
    "additionalProperties": False,
    "properties": {
        "messages": MESSAGES,
        "model": {"type": "string"},
        "stream": {"type": ["boolean", "null"]},
        "stream_options": {"type": ["object", "null"]},
        "max_tokens": {"type": ["integer", "null"], "minimum": 1},
        "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
        "n": {"type": ["integer", "null"], "enum": [1, None]},
        "seed": {"type": ["integer", "null"], "minimum": 0},
        "stop": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}, {"type": "null"}]},
        **dict.fromkeys(NUMBERS, _NUMBER),
        "top_k": {"type": ["integer", "null"], "minimum": -1},
        "reasoning": {"type": ["boolean", "null"], "description": "thoughts first, in reasoning_content"},
        "reasoning_effort": {"type": ["string", "null"], "enum": [*EFFORTS, None]},
        "chat_template_kwargs": {"type": ["object", "null"], "description": '{"enable_thinking": true}'},
        "mm_processor_kwargs": {"type": ["object", "null"], "description": '{"fps": 4, "do_sample_frames": true}'},
        "media_io_kwargs": {"type": ["object", "null"], "description": '{"video": {"fps": 4}}'},
        "response_format": {"type": ["object", "null"], "description": '{"type": "text"}'},
        "user": {"type": ["string", "null"]},
    },
}


@dataclass(frozen=True)
class ChatRequest:
    """request: its pictures and frames lie in it. stream: answer as it is said. usage: end the stream with counts."""

    request: ReasonRequest
    stream: bool
    usage: bool


def read_chat(message: Mapping[str, Any], settings: ServerSettings) -> ChatRequest:
    """The request in a body; what it points to is read as the operator allows."""
    given = {name: value for name, value in message.items() if value is not None}
    form_fields.check_known(given, FIELDS, "A chat completion has")
    if form_fields.whole(given.get("n"), "n", 1, 128) not in (None, 1):
        raise Invalid("n must be 1: a request gets one answer here; for more, ask again with other seeds.")
    if given.get("response_format", {"type": "text"}) != {"type": "text"}:
        raise Invalid('response_format must be {"type": "text"}: ask for JSON in words, and check it when it comes.')
    fps, all_frames = _frames(given)
    limits = settings.limits
    looking = Looking(
        fps=None if all_frames else fps or VIDEO_FPS,
        frames=limits.frames,
        frame_pixels=limits.image_pixels,
        clip_pixels=limits.clip_pixels,
    )
    turns = read_conversation(
        read_messages(given.get("messages"), "messages"),
        looking,
        lambda source, name: read_reference(str(source), name, settings.security),
    )
    request = ReasonRequest(
        messages=as_messages(turns),
        reasoning=_reasoning(given),
        sampling=_sampling(given),
        seed=form_fields.whole(given.get("seed"), "seed", 0, LARGEST_SEED),
        stop=_stop(given.get("stop", ())),
        **_max_tokens(given),
    )
    options = _map(given, "stream_options", ("include_usage",))
    return ChatRequest(
        request,
        form_fields.flag(given.get("stream", False), "stream"),
        form_fields.flag(options.get("include_usage", False), "stream_options.include_usage"),
    )


def _sampling(given: Mapping[str, Any]) -> ReasonSampling:
    numbers = {name: form_fields.number(given.get(name), name) for name in NUMBERS}
    top_k = form_fields.whole(given.get("top_k"), "top_k", -1, MOST_TOKENS)
    return ReasonSampling(**numbers, top_k=0 if top_k == -1 else top_k)  # -1 is vLLM's word for no limit


def _max_tokens(given: Mapping[str, Any]) -> dict[str, int]:
    """Both of OpenAI's names mean the same here: thoughts count."""
    found = {
        form_fields.whole(given[name], name, 1, MOST_TOKENS)
        for name in ("max_tokens", "max_completion_tokens")
        if name in given
    }
    if len(found) > 1:
        raise Invalid("max_tokens and max_completion_tokens differ; give one of them.")
    return {"max_tokens": found.pop()} if found else {}


def _reasoning(given: Mapping[str, Any]) -> bool:
    """Whether thoughts are asked for, in any of the three ways; ways that contradict each other are refused."""
    asked: dict[str, bool] = {}
    if "reasoning" in given:
        asked["reasoning"] = form_fields.flag(given["reasoning"], "reasoning")
    if "reasoning_effort" in given:
        if given["reasoning_effort"] not in EFFORTS:
            raise Invalid(f"reasoning_effort must be one of {', '.join(EFFORTS)} (all but none mean the same here).")
        asked["reasoning_effort"] = given["reasoning_effort"] != "none"
    template = _map(given, "chat_template_kwargs", ("enable_thinking",))
    if "enable_thinking" in template:
        asked["enable_thinking"] = form_fields.flag(template["enable_thinking"], "enable_thinking")
    if len(set(asked.values())) > 1:
        raise Invalid(f"{' and '.join(asked)} contradict each other; give one of them.")
    return any(asked.values())


def _frames(given: Mapping[str, Any]) -> tuple[float | None, bool]:
    """(frames per second to look at, whether all are): in vLLM's form, or in the form of NVIDIA's NIM."""
    processor = _map(given, "mm_processor_kwargs", ("fps", "do_sample_frames"))
    video = _map(_map(given, "media_io_kwargs", ("video",)), "video", ("fps",))
    fps = form_fields.number(processor.get("fps", video.get("fps")), "fps")
    if fps is not None and not 0 < fps <= 1000:
        raise Invalid(f"fps is {fps:g}; expected the frames to look at per second, above 0.")
    sampled = form_fields.flag(processor.get("do_sample_frames", True), "do_sample_frames")
    if fps is not None and not sampled:
        raise Invalid("fps and do_sample_frames false contradict each other: either some frames are taken, or all.")
    return fps, not sampled


def _stop(value: Any) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else value
    if (
        not isinstance(found, (list, tuple))
        or len(found) > MAX_STOPS
        or not all(isinstance(text, str) and text for text in found)
    ):
        raise Invalid(f"stop must be a string or a list of at most {MAX_STOPS}, none of them empty.")
    return tuple(found)


def _map(given: Mapping[str, Any], name: str, known: tuple[str, ...]) -> Mapping[str, Any]:
    value = given.get(name) or {}
    if not isinstance(value, Mapping):
        raise Invalid(f"{name} must be a map.")
    form_fields.check_known(value, known, f"{name} has")
    return value
