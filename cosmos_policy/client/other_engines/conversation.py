"""A conversation in OpenAI's shape: what lies on this computer travels inside it."""

from __future__ import annotations

import base64
import mimetypes
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosmos_policy.client.other_engines.pictures import as_clip, as_png, require_libraries
from cosmos_policy.client.other_engines.video_jobs import Upload
from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.conversation import ROLES
from cosmos_policy.reasoner.sources import read_source
from cosmos_policy.types import check_frames

#: What the server fetches by itself, or holds already.
TRAVEL_AS_THEY_ARE = ("data:", "http:", "https:")
#: Frames whose times differ from an even rate by less than this are even. Seconds.
EVEN_S = 1e-3


def as_openai(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """`messages` (see :class:`~cosmos_policy.types.ReasonRequest`) with "image_url" and "video_url" parts.

    Raises :class:`UsageError` that names the message and the part which does not fit.
    """
    if isinstance(messages, (str, Mapping)) or not isinstance(messages, Sequence) or not messages:
        raise UsageError('messages must be a list of maps, such as {"role": "user", "content": "What is this?"}.')
    return [_message(message, f"messages[{place}]") for place, message in enumerate(messages)]


def shows_a_video(messages: Sequence[Mapping[str, Any]]) -> bool:
    """Whether a video is among what :func:`as_openai` made."""
    parts = [part for message in messages if not isinstance(message["content"], str) for part in message["content"]]
    return any(part["type"] == "video_url" for part in parts)


def _message(message: Any, name: str) -> dict[str, Any]:
    if not isinstance(message, Mapping) or message.get("role") not in ROLES or "content" not in message:
        raise UsageError(f"{name} is no map of role ({', '.join(ROLES)}) and content.")
    content = message["content"]
    if isinstance(content, str):
        return {"role": message["role"], "content": content}
    if isinstance(content, Mapping) or not isinstance(content, Sequence) or not content:
        raise UsageError(f"{name}'s content is neither text nor a list of parts.")
    parts = [_part(part, f"{name}.content[{place}]") for place, part in enumerate(content)]
    return {"role": message["role"], "content": parts}


def _part(part: Any, name: str) -> dict[str, Any]:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "text":
        if not isinstance(part.get("text"), str):
            raise UsageError(f"{name} holds no text.")
        return {"type": "text", "text": part["text"]}
    if kind in ("image", "image_url"):
        return {"type": "image_url", "image_url": {"url": _image_url(_source(part, "image", name), name)}}
    if kind in ("video", "video_url"):
        return {"type": "video_url", "video_url": {"url": _video_url(_source(part, "video", name), part, name)}}
    raise UsageError(f"{name} has the type {kind!r}; expected text, image, image_url, video or video_url.")


def _source(part: Mapping[str, Any], kind: str, name: str) -> Any:
    given = {key: part[key] for key in (kind, f"{kind}_url", "path", "url") if part.get(key) is not None}
    if len(given) != 1:
        raise UsageError(f'{name} must give its {kind} once, as "{kind}" or "{kind}_url"; it gives {len(given)}.')
    source = next(iter(given.values()))
    return source.get("url") if isinstance(source, Mapping) else source


def _image_url(source: Any, name: str) -> str:
    if isinstance(source, (str, os.PathLike)):
        return _file_url(source, name, "image/png")
    require_libraries(clips=False)
    return _data_url(as_png(check_frames(source.convert("RGB") if hasattr(source, "convert") else source, name, 3)))


def _video_url(source: Any, part: Mapping[str, Any], name: str) -> str:
    if isinstance(source, (str, os.PathLike)):
        return _file_url(source, name, "video/mp4")
    require_libraries()
    frames = check_frames(source, name, 4)
    return _data_url(as_clip(frames, _rate(part, len(frames), name)))


def _rate(part: Mapping[str, Any], count: int, name: str) -> float:
    """Frames per second of frames that lie in the message."""
    times, fps = part.get("times_s"), part.get("fps")
    if times is None:
        if not (isinstance(fps, (int, float)) and fps > 0):
            raise UsageError(f'{name} is given as frames, so it needs their rate "fps" (Hz).')
        return float(fps)
    stamps = np.asarray(times, dtype=np.float64)
    even = np.linspace(0.0, stamps[-1], count) if stamps.shape == (count,) and count > 1 else None
    if even is None or not stamps[-1] > 0 or np.abs(stamps - even).max() > EVEN_S:
        raise UsageError(
            f"{name} gives times_s that are uneven or do not begin at 0, and other engines take a rate only: give the "
            'frames at an even rate, with "fps".'
        )
    return (count - 1) / float(stamps[-1])


def _file_url(source: str | os.PathLike[str], name: str, kind: str) -> str:
    if isinstance(source, str) and source.lower().startswith(TRAVEL_AS_THEY_ARE):
        return source
    guessed = mimetypes.guess_type(os.fspath(source))[0]
    wanted = guessed if guessed and guessed.partition("/")[0] == kind.partition("/")[0] else kind
    return _data_url(Upload("file", read_source(source, name), wanted))


def _data_url(upload: Upload) -> str:
    return f"data:{upload.kind};base64,{base64.b64encode(upload.data).decode('ascii')}"
