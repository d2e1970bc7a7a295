"""What a conversation points to, read within this server's limits before the model sees any of it."""

from __future__ import annotations

import os
from dataclasses import replace

from cosmos_policy.reasoner.clips import VIDEO_FPS, Looking
from cosmos_policy.reasoner.conversation import as_messages, read_conversation
from cosmos_policy.server.media.references import read_reference
from cosmos_policy.server.settings import ServerSettings
from cosmos_policy.types import ReasonRequest


def read_pointed(request: ReasonRequest, settings: ServerSettings) -> ReasonRequest:
    """`request` with pixels in place of URLs and paths, of videos the frames that are looked at. For a thread.

    Raises ``UsageError`` or a ``Refusal`` that names the part.
    """
    limits = settings.limits
    looking = Looking(
        fps=None if request.all_frames else request.video_fps or VIDEO_FPS,
        frames=limits.frames,
        frame_pixels=limits.image_pixels,
        clip_pixels=limits.clip_pixels,
    )

    def read(source: str | os.PathLike[str], name: str) -> bytes:
        return read_reference(str(source), name, settings.security)

    return replace(request, messages=as_messages(read_conversation(request.messages, looking, read)))
