"""A conversation on its way to a server: what lies on this computer travels inside it."""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosmos_policy.reasoner.sources import read_source

#: What the server may fetch by itself, or holds already.
_TRAVEL_AS_THEY_ARE = ("data:", "http:", "https:")
_SOURCES = ("image", "video", "image_url", "video_url", "path", "url")


def with_local_files(messages: Sequence[Mapping[str, Any]]) -> list[Any]:
    """`messages` with files of this computer as ``data:`` URLs, and pictures in memory as arrays.

    Raises :class:`UsageError` for a file that cannot be read. What is no message stays as it is: the server says why.
    """
    return [_message(message, f"messages[{place}]") for place, message in enumerate(messages)]


def _message(message: Any, name: str) -> Any:
    content = message.get("content") if isinstance(message, Mapping) else None
    if isinstance(content, (str, Mapping)) or not isinstance(content, Sequence):
        return message
    return {**message, "content": [_part(part, f"{name}.content[{place}]") for place, part in enumerate(content)]}


def _part(part: Any, name: str) -> Any:
    if not isinstance(part, Mapping):
        return part
    return {key: _source(value, name) if key in _SOURCES else value for key, value in part.items()}


def _source(value: Any, name: str) -> Any:
    if isinstance(value, Mapping):  # OpenAI: {"image_url": {"url": ..., "detail": ...}}
        return {key: _source(inner, name) if key == "url" else inner for key, inner in value.items()}
    if hasattr(value, "convert"):  # a PIL picture
        return np.asarray(value.convert("RGB"))
    if isinstance(value, os.PathLike) or (isinstance(value, str) and not value.lower().startswith(_TRAVEL_AS_THEY_ARE)):
        content = base64.b64encode(read_source(value, name)).decode("ascii")
        return f"data:application/octet-stream;base64,{content}"
    return value
