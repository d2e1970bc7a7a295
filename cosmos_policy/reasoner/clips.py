"""Videos as the reasoner sees them: some of their frames, each with its time."""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np

from cosmos_policy.errors import UsageError

#: what transformers' Qwen3VLVideoProcessor takes: frames a second, and the fewest and most frames of a video
VIDEO_FPS = 2.0
FEWEST_FRAMES = 4
MOST_FRAMES = 768


@dataclass(frozen=True, kw_only=True)
class Looking:
    """How much of a video is looked at.

    fps: frames taken from each second; None takes every frame. frames: the most of one video; whole_frames: the most
    that a video may have, as all of them must be decoded. frame_pixels: width times height of a frame or picture;
    clip_pixels: those of all frames together that are taken.
    """

    fps: float | None = VIDEO_FPS
    frames: int = MOST_FRAMES
    whole_frames: int = 3600 * 30
    frame_pixels: int = 8192 * 8192
    clip_pixels: int = MOST_FRAMES * 1920 * 1080


@dataclass(frozen=True, eq=False)
class Clip:
    """frames: uint8 [T, H, W, 3], RGB, those that were taken. times_s: of each, seconds from the video's start.

    duration_s: of the whole video. fps: of the whole video, frames per second.
    """

    frames: np.ndarray
    times_s: tuple[float, ...]
    duration_s: float
    fps: float


def decode_clip(data: bytes, name: str, looking: Looking) -> Clip:
    """The frames of an encoded video that `looking` asks for; a :class:`UsageError` where there are none.

    The times are the video's own: where its rate varies, so do the steps between them. Audio is not read.
    """
    import av

    try:
        with av.open(io.BytesIO(data)) as container:
            if not container.streams.video:
                raise UsageError(f"{name} holds no video stream.")
            stream = container.streams.video[0]
            _check_size(stream.codec_context.width, stream.codec_context.height, name, looking)
            stamps = sorted(packet.pts for packet in container.demux(stream) if packet.pts is not None)
            if not stamps:
                raise UsageError(f"{name} holds no frame.")
            if len(stamps) > looking.whole_frames:
                raise UsageError(f"{name} has {len(stamps)} frames; videos of at most {looking.whole_frames} are read.")
            times = [float((stamp - stamps[0]) * stream.time_base) for stamp in stamps]
            rate = float(stream.average_rate or 0) or (len(times) / times[-1] if times[-1] else 1.0)
            wanted = take(len(times), rate, name, looking)
            _check_volume(len(wanted), stream.codec_context.width * stream.codec_context.height, name, looking)
            container.seek(0, stream=stream)
            stream.thread_type = "AUTO"
            frames = _frames(container.decode(stream), wanted)
    except (av.error.FFmpegError, EOFError) as error:
        raise UsageError(f"{name} cannot be read as a video ({str(error)[:100]}).") from error
    if not frames:
        raise UsageError(f"{name} holds no frame that can be decoded.")
    places = sorted(frames)
    shapes = {frames[place].shape for place in places}
    if len(shapes) > 1:
        raise UsageError(f"{name} changes its frame size on the way; expected one size.")
    last = times[-1] + 1.0 / rate
    return Clip(np.stack([frames[place] for place in places]), tuple(times[place] for place in places), last, rate)


def sample_clip(frames: np.ndarray, fps: float, name: str, looking: Looking) -> Clip:
    """The same of frames that are decoded already. frames: uint8 [T, H, W, 3]; fps: their rate, frames per second."""
    _check_size(frames.shape[2], frames.shape[1], name, looking)
    places = take(len(frames), fps, name, looking)
    _check_volume(len(places), frames.shape[1] * frames.shape[2], name, looking)
    return Clip(frames[places], tuple(place / fps for place in places), len(frames) / fps, fps)


def take(count: int, rate: float, name: str, looking: Looking) -> list[int]:
    """Which of `count` frames at `rate` frames per second are taken: evenly, the first and the last among them."""
    if looking.fps is None:
        if count > looking.frames:
            raise UsageError(
                f"{name} has {count} frames, and at most {looking.frames} can be looked at: cut it, or ask for fewer "
                "with video_fps."
            )
        return list(range(count))
    number = min(max(int(count / rate * looking.fps), FEWEST_FRAMES), looking.frames, count)
    return np.linspace(0, count - 1, number).round().astype(int).tolist()


def _frames(decoded, wanted: list[int]) -> dict[int, np.ndarray]:
    """frame number -> uint8 [H, W, 3], upright, of the `wanted` ones."""
    found: dict[int, np.ndarray] = {}
    missing = set(wanted)
    for number, frame in enumerate(decoded):
        if number in missing:
            upright = np.rot90(frame.to_ndarray(format="rgb24"), round(frame.rotation / 90))
            found[number] = np.ascontiguousarray(upright)
            missing.discard(number)
            if not missing:
                break
    return found


def _check_size(width: int, height: int, name: str, looking: Looking) -> None:
    if width * height > looking.frame_pixels:
        raise UsageError(f"{name} is {width}x{height} pixels; at most {looking.frame_pixels} pixels are taken.")


def _check_volume(count: int, pixels: int, name: str, looking: Looking) -> None:
    if count * pixels > looking.clip_pixels:
        raise UsageError(
            f"{name} has {count} frames of {pixels} pixels to look at; at most {looking.clip_pixels} pixels in all are "
            "taken: ask for fewer frames (video_fps) or make the video smaller."
        )
