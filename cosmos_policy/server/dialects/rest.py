"""``/v1/actions/{policy,inverse-dynamics,forward-dynamics}``: the typed calls, synchronously, as JSON or msgpack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter, Request, Response

from cosmos_policy.server.dialects.bodies import read_clip, read_message, read_numbers, read_picture, write_answer
from cosmos_policy.server.dialects.rest_schema import operation
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.service import Caller, Continuation, Service, Timeliness
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.wire.messages import CALLS, Call, decode_request
from cosmos_policy.wire.readers import read_number, read_text, read_whole

LONGEST_SESSION_ID = 200
LONGEST_MS = 1e9
MOST_VIEWS = 16
MOST_STEPS = 1024


def routes(service: Service) -> APIRouter:
    """One POST route a call."""
    router = APIRouter(tags=["actions"])
    for call in CALLS.values():
        if call.follows:
            continue
        router.add_api_route(
            f"/v1/actions/{call.path}",
            _endpoint(call, service),
            methods=["POST"],
            name=call.name,
            openapi_extra=operation(call),
        )
    return router


def _endpoint(call: Call, service: Service) -> Callable[..., Any]:
    async def endpoint(request: Request) -> Response:
        message, kind = await read_message(request, service.settings)
        envelope = read_envelope(message, request.state.owner, "rest")
        typed = await asyncio.to_thread(read_request, call, message, service.settings)
        answer = await service.call(
            call.name, typed, envelope.caller, envelope.timeliness, continuation=envelope.continuation
        )
        return await write_answer(answer, kind)

    endpoint.__doc__ = f"The {call.name.replace('_', ' ')} call."
    return endpoint


@dataclass(frozen=True)
class Envelope:
    """What comes with a request and is not part of it."""

    caller: Caller
    timeliness: Timeliness
    continuation: Continuation | None


def read_envelope(message: dict[str, Any], owner: str, dialect: str) -> Envelope:
    """Take session_id, age_ms, deadline_ms, executed_steps and prefix_steps out of `message`."""
    session_id = message.pop("session_id", None)
    if session_id is not None:
        session_id = read_text(session_id, "session_id")
        if not 1 <= len(session_id) <= LONGEST_SESSION_ID:
            raise Invalid(f"session_id must have 1 to {LONGEST_SESSION_ID} characters.")
    age, deadline = message.pop("age_ms", None), message.pop("deadline_ms", None)
    timeliness = Timeliness(
        age_ms=0.0 if age is None else _milliseconds(age, "age_ms", 0.0),
        deadline_ms=None if deadline is None else _milliseconds(deadline, "deadline_ms", 1.0),
    )
    executed, prefix = message.pop("executed_steps", None), message.pop("prefix_steps", None)
    continuation = None
    if prefix is not None:
        continuation = Continuation(
            read_whole(0 if executed is None else executed, "executed_steps", 0, MOST_STEPS),
            read_whole(prefix, "prefix_steps", 1, MOST_STEPS),
        )
    elif executed is not None:
        raise Invalid("executed_steps means nothing without prefix_steps.")
    return Envelope(Caller(owner, dialect, session_id), timeliness, continuation)


def read_request(call: Call, message: dict[str, Any], settings: ServerSettings) -> Any:
    """The typed request in a message; pictures and clips are decoded on the way. For a thread."""
    message = dict(message)
    observation = message.get("observation")
    if isinstance(observation, dict):
        observation = dict(observation)
        if isinstance(observation.get("images"), dict):
            images = observation["images"]
            if len(images) > MOST_VIEWS:
                raise Invalid(f"The observation has {len(images)} views; at most {MOST_VIEWS} are taken.")
            observation["images"] = {
                view: read_picture(picture, f"observation.images.{str(view)[:60]}", settings)
                for view, picture in images.items()
            }
        observation = _with_numbers(observation, "state", "observation.state")
        message["observation"] = observation
    if "frame" in message:
        message["frame"] = read_picture(message["frame"], "frame", settings)
    if "frames" in message:
        message["frames"] = read_clip(message["frames"], "frames", settings)
    for name in ("actions", "prefix", "history"):
        if name in message:
            message[name] = read_numbers(message[name], name)
    message = _with_numbers(message, "state", "state")
    typed = decode_request(call, message)
    _check_size(typed, settings)
    return typed


def _with_numbers(message: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    if not isinstance(message.get(key), dict):
        return message
    return {
        **message,
        key: {part: read_numbers(value, f"{name}.{str(part)[:60]}") for part, value in message[key].items()},
    }


def _check_size(typed: Any, settings: ServerSettings) -> None:
    limits = settings.limits
    for frames in (getattr(typed, "frames", None), getattr(typed, "frame", None)):
        if frames is None:
            continue
        height, width = frames.shape[-3:-1]
        if height * width > limits.image_pixels:
            raise Invalid(f"The frames are {width}x{height}; at most {limits.image_pixels} pixels are taken.")
        if frames.ndim == 4 and len(frames) > limits.frames:
            raise Invalid(f"{len(frames)} frames came; at most {limits.frames} are taken.")
    actions = getattr(typed, "actions", None)
    if actions is not None and len(actions) > limits.frames:
        raise Invalid(f"{len(actions)} actions came; at most {limits.frames} are taken.")


def _milliseconds(value: Any, name: str, low: float) -> float:
    number = read_number(value, name)
    if not low <= number <= LONGEST_MS:
        raise Invalid(f"{name} must be from {low:g} to {LONGEST_MS:g} milliseconds, not {number:g}.")
    return number
