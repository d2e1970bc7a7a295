"""``/v1/actions/{policy,inverse-dynamics,forward-dynamics,reason,generate}``: the typed calls, synchronously, as JSON
or msgpack."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response

from cosmos_policy.server.dialects.bodies import (
    read_clip,
    read_message,
    read_numbers,
    read_picture,
    while_connected,
    write_answer,
)
from cosmos_policy.server.dialects.envelope import read_envelope
from cosmos_policy.server.dialects.rest_schema import operation
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.media.conversations import read_pointed
from cosmos_policy.server.service import Service
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.types import GenerateRequest, ReasonRequest
from cosmos_policy.wire.messages import CALLS, Call, decode_request

MOST_VIEWS = 16


def routes(service: Service) -> APIRouter:
    """One POST route a call."""
    router = APIRouter(tags=["actions"])
    for call in CALLS.values():
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
        answering = service.call(
            call.name, typed, envelope.caller, envelope.timeliness, continuation=envelope.continuation
        )
        return await write_answer(await while_connected(request, answering), kind)

    endpoint.__doc__ = f"The {call.name.replace('_', ' ')} call."
    return endpoint


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
    if "image" in message:
        message["image"] = read_picture(message["image"], "image", settings)
    if call.request is GenerateRequest:
        message = _with_clips(message, settings)
    for name in ("actions", "prefix", "history"):
        if name in message:
            message[name] = read_numbers(message[name], name)
    message = _with_numbers(message, "state", "state")
    typed = decode_request(call, message)
    _check_size(typed, settings)
    return read_pointed(typed, settings) if isinstance(typed, ReasonRequest) else typed


def _with_clips(message: dict[str, Any], settings: ServerSettings) -> dict[str, Any]:
    """A generation's videos, decoded."""
    transfer = message.get("transfer")
    if message.get("video") is not None:
        message = {**message, "video": read_clip(message["video"], "video", settings)}
    if isinstance(transfer, dict) and isinstance(transfer.get("videos"), dict):
        videos = transfer["videos"]
        if len(videos) > MOST_VIEWS:
            raise Invalid(f"transfer has {len(videos)} videos; at most {MOST_VIEWS} are taken.")
        decoded = {
            kind: read_clip(clip, f"transfer.videos.{str(kind)[:60]}", settings) for kind, clip in videos.items()
        }
        message = {**message, "transfer": {**transfer, "videos": decoded}}
    return message


def _with_numbers(message: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    if not isinstance(message.get(key), dict):
        return message
    return {
        **message,
        key: {part: read_numbers(value, f"{name}.{str(part)[:60]}") for part, value in message[key].items()},
    }


def _check_size(typed: Any, settings: ServerSettings) -> None:
    limits = settings.limits
    pictures = [getattr(typed, name, None) for name in ("frames", "frame", "image", "video")]
    transfer = getattr(typed, "transfer", None)
    for frames in (*pictures, *(transfer.videos.values() if transfer is not None else ())):
        if not isinstance(frames, np.ndarray):
            continue
        height, width = frames.shape[-3:-1]
        if height * width > limits.image_pixels:
            raise Invalid(f"The frames are {width}x{height}; at most {limits.image_pixels} pixels are taken.")
        if frames.ndim == 4 and len(frames) > limits.frames:
            raise Invalid(f"{len(frames)} frames came; at most {limits.frames} are taken.")
    actions = getattr(typed, "actions", None)
    if actions is not None and len(actions) > limits.frames:
        raise Invalid(f"{len(actions)} actions came; at most {limits.frames} are taken.")
