"""Messages as people write them, made uniform: who says what, and which pictures and videos lie beside the words."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.clips import Clip, Looking, decode_clip, sample_clip
from cosmos_policy.types import check_frames

ROLES = ("system", "user", "assistant")
#: (source, how messages call it) -> its bytes
Reader = Callable[[Any, str], bytes]
Part = str | np.ndarray | Clip


@dataclass(frozen=True, eq=False)
class Turn:
    """role: of :data:`ROLES`. parts: words, pictures (uint8 [H, W, 3]) and videos, in order."""

    role: str
    parts: tuple[Part, ...]


def read_conversation(messages: Sequence[Mapping[str, Any]], looking: Looking, read: Reader) -> tuple[Turn, ...]:
    """`messages` (see :class:`~cosmos_policy.types.ReasonRequest`) with everything that they point to.

    read: gives the bytes behind a path or URL; it decides what may be read.
    Raises :class:`UsageError` that names the message and the part that does not fit.
    """
    if isinstance(messages, (str, Mapping)) or not isinstance(messages, Sequence) or not messages:
        raise UsageError(
            'messages must be a list of at least one map, such as {"role": "user", "content": "What is this?"}.'
        )
    turns = []
    for place, message in enumerate(messages):
        name = f"messages[{place}]"
        if not isinstance(message, Mapping) or "role" not in message or "content" not in message:
            raise UsageError(f"{name} is no map of role and content.")
        if message["role"] not in ROLES:
            raise UsageError(f"{name} has the role {message['role']!r}; expected one of {', '.join(ROLES)}.")
        turns.append(Turn(message["role"], _parts(message["content"], message["role"], name, looking, read)))
    if turns[-1].role != "user":
        raise UsageError(f"The last message is the {turns[-1].role}'s; expected the user's, which is answered.")
    return tuple(turns)


def as_messages(turns: Sequence[Turn]) -> list[dict[str, Any]]:
    """`turns` as messages that point to nothing any more: what they showed lies in them as arrays."""
    return [{"role": turn.role, "content": [_as_part(part) for part in turn.parts]} for turn in turns]


def decode_picture(data: bytes, name: str, looking: Looking) -> np.ndarray:
    """uint8 [H, W, 3], RGB and upright, of an encoded picture; its size is checked before a pixel is decoded."""
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(data)) as picture:
            width, height = picture.size
            if width * height > looking.frame_pixels:
                raise UsageError(f"{name} is {width}x{height} pixels; at most {looking.frame_pixels} are taken.")
            return np.array(ImageOps.exif_transpose(picture).convert("RGB"))
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise UsageError(f"{name} cannot be read as a picture ({str(error)[:100]}).") from error


def _as_part(part: Part) -> dict[str, Any]:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    if isinstance(part, Clip):
        facts = {"times_s": list(part.times_s), "duration_s": part.duration_s, "fps": part.fps}
        return {"type": "video", "video": part.frames, **facts}
    return {"type": "image", "image": part}


def _parts(content: Any, role: str, name: str, looking: Looking, read: Reader) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (content,)
    if not isinstance(content, Sequence) or not content:
        raise UsageError(f"{name}'s content is neither text nor a list of parts.")
    found = []
    for place, part in enumerate(content):
        where = f"{name}.content[{place}]"
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind not in _KINDS:
            raise UsageError(f"{where} has the type {kind!r}; expected one of {', '.join(_KINDS)}.")
        if kind != "text" and role != "user":
            raise UsageError(f"{where} is a {kind} in the {role}'s message; only the user shows pictures and videos.")
        found.append(_KINDS[kind](part, where, looking, read))
    return tuple(found)


def _text(part: Mapping[str, Any], name: str, looking: Looking, read: Reader) -> str:
    if not isinstance(part.get("text"), str):
        raise UsageError(f"{name} holds no text.")
    return part["text"]


def _image(part: Mapping[str, Any], name: str, looking: Looking, read: Reader) -> np.ndarray:
    source = _source(part, "image", name)
    if isinstance(source, (str, os.PathLike)):
        return decode_picture(read(source, name), name, looking)
    picture = check_frames(source.convert("RGB") if hasattr(source, "convert") else source, name, 3)
    if picture.shape[0] * picture.shape[1] > looking.frame_pixels:
        raise UsageError(f"{name} has {picture.shape[0] * picture.shape[1]} pixels; at most {looking.frame_pixels}.")
    return picture


def _video(part: Mapping[str, Any], name: str, looking: Looking, read: Reader) -> Clip:
    source = _source(part, "video", name)
    if isinstance(source, (str, os.PathLike)):
        return decode_clip(read(source, name), name, looking)
    frames = check_frames(source, name, 4)
    times, fps = part.get("times_s"), part.get("fps")
    if times is None and not (isinstance(fps, (int, float)) and fps > 0):
        raise UsageError(f'{name} is given as frames, so it needs their rate "fps" (Hz) or their "times_s" (seconds).')
    if times is None:
        return sample_clip(frames, float(fps), name, looking)
    stamps = np.asarray(times, dtype=np.float64)
    if stamps.shape != (len(frames),) or not np.isfinite(stamps).all() or (np.diff(stamps) < 0).any():
        raise UsageError(f"{name} has {len(frames)} frames; expected as many times_s (seconds), none before the last.")
    if frames[:, :, :, 0].size > looking.clip_pixels or len(frames) > looking.frames:
        raise UsageError(f"{name} has {len(frames)} frames of {frames[0, :, :, 0].size} pixels: more than are taken.")
    rate = float(fps or (len(frames) - 1) / max(stamps[-1] - stamps[0], 1e-9) or 1.0)
    return Clip(frames, tuple(stamps.tolist()), float(part.get("duration_s", stamps[-1] + 1.0 / rate)), rate)


def _source(part: Mapping[str, Any], kind: str, name: str) -> Any:
    """What the part shows: an array, a picture, a path or a URL."""
    given = {key: part[key] for key in (kind, f"{kind}_url", "path", "url") if part.get(key) is not None}
    if len(given) != 1:
        raise UsageError(f'{name} must give its {kind} once, as "{kind}" or "{kind}_url"; it gives {len(given)}.')
    source = next(iter(given.values()))
    if isinstance(source, Mapping):  # OpenAI: {"image_url": {"url": ..., "detail": ...}}
        source = source.get("url")
    if isinstance(source, (str, os.PathLike, np.ndarray)) or hasattr(source, "convert"):
        return source
    raise UsageError(f"{name} gives a {type(source).__name__}; expected a path, a URL, or pixels (uint8).")


_KINDS: dict[str, Callable[[Mapping[str, Any], str, Looking, Reader], Part]] = {
    "text": _text,
    "image": _image,
    "image_url": _image,
    "video": _video,
    "video_url": _video,
}
