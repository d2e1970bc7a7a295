"""Bodies of HTTP requests: JSON and msgpack in, JSON and msgpack out, pictures and arrays in JSON."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Awaitable, Mapping
from typing import Any

import numpy as np
from fastapi import Request, Response

from cosmos_policy.server.errors import Abandoned, Invalid, TooLarge, WrongMediaType
from cosmos_policy.server.media.clips import decode_clip, encode_mp4
from cosmos_policy.server.media.images import decode_base64, decode_image, encode_png
from cosmos_policy.server.media.references import read_reference
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.types import Media
from cosmos_policy.wire.arrays import array_from_bytes, packb, unpackb
from cosmos_policy.wire.messages import Answer, encode_answer

JSON, MSGPACK = "application/json", "application/msgpack"
_REFERENCES = ("http:", "https:", "file:")


def media_type(request: Request) -> str:
    """The request's media type, without parameters; JSON where none is named."""
    named = request.headers.get("content-type", JSON).partition(";")[0].strip().lower()
    return MSGPACK if named in (MSGPACK, "application/x-msgpack", "application/vnd.msgpack") else named


async def read_message(request: Request, settings: ServerSettings) -> tuple[dict[str, Any], str]:
    """The map in a JSON or msgpack body, and the media type it came in. Parsed in a thread."""
    kind = media_type(request)
    if kind not in (JSON, MSGPACK):
        raise WrongMediaType(f"The body is {kind[:80]!r}; expected {JSON} or {MSGPACK}.")
    body = await request.body()
    if kind == JSON and len(body) > settings.limits.json_bytes:
        raise TooLarge(f"The JSON body has {len(body)} bytes; at most {settings.limits.json_bytes} are taken.")
    message = await asyncio.to_thread(parse_json if kind == JSON else unpackb, body)
    if not isinstance(message, Mapping) or not all(isinstance(key, str) for key in message):
        raise Invalid("The body must be a map of fields.")
    return dict(message), kind


def parse_json(body: bytes) -> Any:
    """JSON as the standard has it: no NaN, no Infinity."""
    try:
        return json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:120]
        raise Invalid(f"The body is not JSON: {reason}.") from None


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON number")


def read_picture(value: Any, name: str, settings: ServerSettings) -> Any:
    """A picture in a message: an array as it is, else base64, a data: URL, a URL, or {dtype, shape, data}."""
    if isinstance(value, str):
        return decode_image(_bytes_of(value, name, settings), name, settings.limits)
    return read_numbers(value, name)


def read_clip(value: Any, name: str, settings: ServerSettings) -> Any:
    """Several frames in a message: an array, a list of pictures, or an encoded video."""
    if isinstance(value, str):
        return decode_clip(_bytes_of(value, name, settings), name, settings.limits)
    if isinstance(value, list) and value and all(isinstance(part, str) for part in value):
        if len(value) > settings.limits.frames:
            raise TooLarge(f"{name} holds {len(value)} pictures; at most {settings.limits.frames} are taken.")
        frames = [read_picture(part, f"{name}[{index}]", settings) for index, part in enumerate(value)]
        if len({frame.shape for frame in frames}) > 1:
            raise Invalid(f"The pictures of {name} differ in size; expected one size.")
        return np.stack(frames)
    return read_numbers(value, name)


def read_numbers(value: Any, name: str) -> Any:
    """{dtype, shape, data: base64} as an array; everything else as it is."""
    if isinstance(value, Mapping):
        if set(value) != {"dtype", "shape", "data"} or not isinstance(value["data"], (str, bytes)):
            raise Invalid(f"{name} must be numbers, or a map of dtype, shape and data (base64).")
        data = value["data"] if isinstance(value["data"], bytes) else decode_base64(value["data"], name)
        return array_from_bytes(data, value["dtype"], value["shape"])
    return value


def _bytes_of(text: str, name: str, settings: ServerSettings) -> bytes:
    if text.startswith(_REFERENCES):
        return read_reference(text, name, settings.security)
    return decode_base64(text, name)


async def while_connected(request: Request, answering: Awaitable[Answer]) -> Answer:
    """What `answering` comes to; a client that leaves before cancels it. For requests whose body was read."""
    computing = asyncio.ensure_future(answering)
    leaving = asyncio.ensure_future(_until_gone(request))
    try:
        await asyncio.wait((computing, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not computing.done():
            raise Abandoned("The client left before it was answered.")
        return computing.result()
    finally:
        computing.cancel()
        leaving.cancel()


async def _until_gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def write_answer(answer: Answer, kind: str) -> Response:
    """An answer as msgpack (arrays exactly) or JSON (numbers as lists; frames, with their sound, as an MP4 in base64,
    a single picture as a PNG)."""
    if kind == MSGPACK:
        return Response(await asyncio.to_thread(packb, encode_answer(answer)), media_type=MSGPACK)
    return Response(await asyncio.to_thread(_json_answer, answer), media_type=JSON)


def _json_answer(answer: Answer) -> bytes:
    message = encode_answer(answer)
    rate = answer.fps if isinstance(answer, Media) else 1.0 / getattr(answer, "dt", 1.0)
    sound = message.pop("sound", None)
    for name in ("video", "frames"):
        if name in message:
            frames, picture = message[name], isinstance(answer, Media) and len(message[name]) == 1
            encoded = encode_png(frames[0]) if picture else encode_mp4(frames, rate, sound)
            message[name] = {
                "media_type": "image/png" if picture else "video/mp4",
                "shape": list(np.shape(frames)),
                "data": base64.b64encode(encoded).decode("ascii"),
            }
    return json.dumps(message, default=_json_value, allow_nan=False).encode()


def _json_value(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} in an answer")
