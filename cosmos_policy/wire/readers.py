"""How a field of a request is read from what came over a wire: checked, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Observation, ReasonSampling, Sampling, Transfer, check_frames

MAX_TEXT = 20_000
#: Of one part of a conversation, in characters; how many tokens fit is the model's to say.
MAX_PART_TEXT = 400_000
MAX_DATA_URL = 48 * 2**20
MAX_STOPS, MAX_MESSAGES, DEEPEST_PART, MAX_INDEXES = 16, 512, 4, 300
LARGEST_SEED = 2**63 - 1
Reader = Callable[[Any, str], Any]


def read_sampling(value: Any, name: str) -> Sampling:
    """:class:`Sampling` from a map of its fields."""
    return Sampling(**_settings(value, name, _SAMPLING_READERS))


def read_reason_sampling(value: Any, name: str) -> ReasonSampling:
    """:class:`ReasonSampling` from a map of its fields."""
    return ReasonSampling(**_settings(value, name, _REASON_SAMPLING_READERS))


def _read_transfer(value: Any, name: str) -> Transfer:
    """:class:`Transfer` from a map of its fields."""
    settings = _settings(value, name, _TRANSFER_READERS)
    if "videos" not in settings:
        raise UsageError(f"{name} needs videos, a map of kinds to frames.")
    return Transfer(**settings)


def read_text(value: Any, name: str, most: int = MAX_TEXT) -> str:
    """Text of at most `most` characters."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, not {kind_of(value)}.")
    if len(value) > most:
        raise UsageError(f"{name} has {len(value)} characters; at most {most} are taken.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} holds a lone surrogate, which is no text; send proper Unicode.") from None
    return value


def read_whole(value: Any, name: str, low: int = 0, high: int = LARGEST_SEED) -> int:
    """A whole number from `low` to `high`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        shown = value if isinstance(value, (int, float)) and len(str(value)) < 30 else kind_of(value)
        raise UsageError(f"{name} must be a whole number from {low} to {high}, not {shown}.")
    return value


def read_number(value: Any, name: str) -> float:
    """A finite number."""
    if isinstance(value, np.generic):
        value = value.item()
    try:
        number = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    except OverflowError:
        number = None
    if number is None or not np.isfinite(number):
        raise UsageError(f"{name} must be a finite number, not {kind_of(value)}.")
    return number


def read_array(value: Any, name: str, rank: int | None = None) -> np.ndarray:
    """An array of numbers, from a numpy array or even lists; all finite."""
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except (ValueError, OverflowError, RecursionError):
        raise UsageError(f"{name} must hold numbers in an even array.") from None
    if array.dtype.kind not in "biuf" or (rank is not None and array.ndim != rank):
        wanted = "an array of numbers" if rank is None else f"an array of numbers with {rank} axes"
        raise UsageError(f"{name} must be {wanted}, not {kind_of(value)} of shape {list(array.shape)}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(f"{name} holds NaN or infinite values; expected finite numbers.")
    return array


def read_messages(value: Any, name: str) -> list[dict[str, Any]]:
    """A conversation: maps that hold text, numbers, arrays, and lists and maps of them. What they mean is the model's
    to check."""
    if not isinstance(value, (list, tuple)) or not 1 <= len(value) <= MAX_MESSAGES:
        raise UsageError(f"{name} must be a list of 1 to {MAX_MESSAGES} maps, not {kind_of(value)}.")
    return [_plain_map(_map(message, f"{name}[{place}]"), f"{name}[{place}]", 0) for place, message in enumerate(value)]


def _plain_map(value: Any, name: str, depth: int) -> Any:
    if isinstance(value, str):
        return read_text(value, name, MAX_DATA_URL if value[:5].lower() == "data:" else MAX_PART_TEXT)
    if isinstance(value, np.ndarray):
        return read_array(value, name)
    if value is None or isinstance(value, (bool, int, float, np.generic)):
        return value
    if depth < DEEPEST_PART and isinstance(value, Mapping):
        return {key: _plain_map(part, f"{name}.{key[:60]}", depth + 1) for key, part in _map(value, name).items()}
    if depth < DEEPEST_PART and isinstance(value, (list, tuple)):
        return [_plain_map(part, f"{name}[{place}]", depth + 1) for place, part in enumerate(value)]
    raise UsageError(f"{name} holds {kind_of(value)}, or is nested too deeply; expected text, numbers and pixels.")


def _read_stop(value: Any, name: str) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_STOPS:
        raise UsageError(f"{name} must be a list of at most {MAX_STOPS} strings, not {kind_of(value)}.")
    return tuple(read_text(text, name) for text in value)


def _settings(value: Any, name: str, readers: Mapping[str, Reader]) -> dict[str, Any]:
    settings = {key: number for key, number in _map(value, name).items() if number is not None}
    for key, number in settings.items():
        if key not in readers:
            raise UsageError(f"{name} has no setting {key[:60]!r}; it takes {', '.join(readers)}.")
        settings[key] = readers[key](number, f"{name}.{key}")
    return settings


def kind_of(value: Any) -> str:
    """What `value` is, for a sentence."""
    return "nothing" if value is None else type(value).__name__


def _map(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{name} must be a map with text keys, not {kind_of(value)}.")
    return dict(value)


def _read_state(value: Any, name: str) -> dict[str, np.ndarray]:
    return {key: read_array(part, f"{name}.{key[:60]}") for key, part in _map(value, name).items()}


def _read_images(value: Any, name: str) -> dict[str, np.ndarray]:
    return {key: _read_frames(part, f"{name}.{key[:60]}", 3) for key, part in _map(value, name).items()}


def _read_frames(value: Any, name: str, rank: int) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise UsageError(f"{name} must be an array of uint8 pixels, not {kind_of(value)}.")
    return check_frames(value, name, rank)


def _read_observation(value: Any, name: str) -> Observation:
    parts = _map(value, name)
    strangers = [key[:60] for key in parts if key not in ("images", "state", "stamp")]
    if strangers or "images" not in parts:
        raise UsageError(f"{name} takes images (needed), state and stamp; got {', '.join(parts) or 'nothing'}.")
    state = parts.get("state", {})
    return Observation(
        images=_read_images(parts["images"], f"{name}.images"),
        state=None if state is None else _read_state(state, f"{name}.state"),
        stamp=read_number(parts.get("stamp", 0.0), f"{name}.stamp"),
    )


def _read_flag(value: Any, name: str) -> bool:
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false, not {kind_of(value)}.")
    return value


def _read_size(value: Any, name: str) -> tuple[int, int]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UsageError(f"{name} must be width and height in pixels.")
    return read_whole(value[0], name, 1, 4096), read_whole(value[1], name, 1, 4096)


def _read_indexes(value: Any, name: str) -> tuple[int, ...]:
    if not isinstance(value, (list, tuple)) or len(value) > MAX_INDEXES:
        raise UsageError(f"{name} must be a list of at most {MAX_INDEXES} whole numbers, not {kind_of(value)}.")
    return tuple(read_whole(index, name, 0, 1024) for index in value)


def _read_interval(value: Any, name: str) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UsageError(f"{name} must be two timesteps, low and high.")
    return read_number(value[0], name), read_number(value[1], name)


_SAMPLING_READERS: dict[str, Reader] = {
    "num_inference_steps": lambda value, name: read_whole(value, name, 1, 2000),
    "guidance_scale": read_number,
    "flow_shift": read_number,
    "resolution_tier": lambda value, name: read_whole(value, name, 1, 4096),
    "guidance_interval": _read_interval,
    "guidance_steps": lambda value, name: read_whole(value, name, 0, 2000),
}
_REASON_SAMPLING_READERS: dict[str, Reader] = {
    "temperature": read_number,
    "top_p": read_number,
    "top_k": lambda value, name: read_whole(value, name, 0, 2**31),
    "repetition_penalty": read_number,
    "presence_penalty": read_number,
    "frequency_penalty": read_number,
}
_TRANSFER_READERS: dict[str, Reader] = {
    "videos": lambda value, name: {
        kind: _read_frames(part, f"{name}.{kind[:60]}", 4) for kind, part in _map(value, name).items()
    },
    "guidance": read_number,
    "interval": _read_interval,
    "chunk_frames": lambda value, name: read_whole(value, name, 1, 1024),
    "overlap_frames": lambda value, name: read_whole(value, name, 1, 1024),
    "start_frames": lambda value, name: read_whole(value, name, 0, 1024),
}
#: field of a request -> how it is read.
READERS: dict[str, Reader] = {
    "observation": _read_observation,
    "instruction": read_text,
    "embodiment": read_text,
    "seed": read_whole,
    "chunk_size": lambda value, name: read_whole(value, name, 1, 1024),
    "video": _read_flag,
    "frames": lambda value, name: _read_frames(value, name, 4),
    "frame": lambda value, name: _read_frames(value, name, 3),
    "actions": lambda value, name: read_array(value, name, 2),
    "prefix": lambda value, name: read_array(value, name, 2),
    "history": lambda value, name: read_array(value, name, 2),
    "state": _read_state,
    "sampling": read_sampling,
    "messages": read_messages,
    "reasoning": _read_flag,
    "max_tokens": lambda value, name: read_whole(value, name, 1, 2**20),
    "stop": _read_stop,
    "choices": _read_stop,
    "video_fps": read_number,
    "all_frames": _read_flag,
    "prompt": read_text,
    "negative_prompt": read_text,
    "num_frames": lambda value, name: read_whole(value, name, 1, 1024),
    "fps": read_number,
    "size": _read_size,
    "aspect_ratio": read_text,
    "image": lambda value, name: _read_frames(value, name, 3),
    "condition_frames": _read_indexes,
    "condition_from": read_text,
    "transfer": _read_transfer,
    "sound": _read_flag,
    "resolution_template": _read_flag,
    "duration_template": _read_flag,
    "guardrails": _read_flag,
    "max_prompt_tokens": lambda value, name: read_whole(value, name, 1, 2**20),
}
#: Fields that mean something else there.
REASON_READERS: dict[str, Reader] = {"sampling": read_reason_sampling}
GENERATE_READERS: dict[str, Reader] = {"video": lambda value, name: _read_frames(value, name, 4)}
