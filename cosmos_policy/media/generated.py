"""Generated media as files that say how they were made."""

from __future__ import annotations

import io
import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.media.mp4 import SOUND_RATE_HZ, encode_mp4
from cosmos_policy.media.video import QUALITY, written_whole
from cosmos_policy.types import Media

#: file ending -> what it holds
PICTURES = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}
VIDEOS = (".mp4",)
JPEG_QUALITY = 95
#: the key of a PNG's text
PNG_KEY = "cosmos_policy"


def settings_of(media: Media) -> dict[str, Any]:
    """How `media` was made, as JSON can hold it."""
    plain = {name: asdict(value) if is_dataclass(value) else value for name, value in media.info.items()}
    if "sampling" in plain:
        plain["sampling"] = {name: value for name, value in plain["sampling"].items() if value is not None}
    return json.loads(json.dumps(plain))


def check_ending(path: Path, num_frames: int | None) -> None:
    """Raise a :class:`UsageError` where `path` cannot hold so many frames. num_frames: None is a video's."""
    allowed = tuple(PICTURES) if num_frames == 1 else VIDEOS
    if path.suffix.lower() not in allowed:
        kind = "picture" if num_frames == 1 else "video"
        raise UsageError(
            f"A {kind} cannot be written to {path.name}; expected a file that ends in {', '.join(allowed)}."
        )


def write_media(path: Path, media: Media) -> None:
    """Write one frame as PNG or JPEG, several as MP4 (H.264, AAC stereo 48 kHz where there is sound).

    The settings are in the file: PNG text, JPEG comment, MP4 comment (:func:`read_settings`). The file appears whole
    or not at all. Raises :class:`UsageError` where its ending does not fit.
    """
    check_ending(path, len(media.frames))
    with written_whole(path) as unfinished:
        if len(media.frames) > 1:
            _encode_video(str(unfinished), media, "medium")
        else:
            unfinished.write_bytes(encode_media(media, PICTURES[path.suffix.lower()]))


def encode_media(media: Media, kind: str) -> bytes:
    """The bytes of a file. kind: "PNG" or "JPEG" (of the first frame), or "MP4"."""
    buffer = io.BytesIO()
    if kind == "MP4":
        _encode_video(buffer, media, "veryfast")
    else:
        _encode_picture(buffer, media.frames[0], kind, json.dumps(settings_of(media)))
    return buffer.getvalue()


def read_settings(path: Path) -> dict[str, Any]:
    """How a file of :func:`write_media` was made; a :class:`UsageError` where it does not say."""
    import av
    from PIL import Image

    try:
        if path.suffix.lower() in PICTURES:
            with Image.open(path) as picture:
                text = picture.info.get(PNG_KEY) or picture.info.get("comment")
        else:
            with av.open(str(path)) as container:
                text = container.metadata.get("comment")
        settings = json.loads(text or "")
    except FileNotFoundError:
        raise UsageError(f"There is no file {path}.") from None
    except (OSError, ValueError, av.error.FFmpegError):
        raise UsageError(f"{path} does not say how it was made: it is no picture or video of `generate`.") from None
    return settings


def _encode_video(target: BinaryIO | str, media: Media, preset: str) -> None:
    if media.sound is not None and media.sound_rate_hz != SOUND_RATE_HZ:
        raise UsageError(f"The sound has {media.sound_rate_hz} Hz; expected {SOUND_RATE_HZ}.")
    comment = json.dumps(settings_of(media))
    encode_mp4(target, media.frames, media.fps, sound=media.sound, comment=comment, quality=QUALITY, preset=preset)


def _encode_picture(buffer: BinaryIO, frame: np.ndarray, kind: str, settings: str) -> None:
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    picture = Image.fromarray(np.ascontiguousarray(frame))
    if kind == "JPEG":
        picture.save(buffer, format=kind, quality=JPEG_QUALITY, comment=settings.encode())
        return
    told = PngInfo()
    told.add_itxt(PNG_KEY, settings)
    picture.save(buffer, format=kind, pnginfo=told)
