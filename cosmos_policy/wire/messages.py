"""The typed requests and answers as plain maps, and back.

One table says what each field of a request may hold; client, REST and WebSocket all go through it. A field that is not
in the table is refused: nothing is sent and never read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    InverseDynamicsRequest,
    Observation,
    PolicyRequest,
    Rollout,
    Sampling,
    check_frames,
)

MAX_TEXT = 20_000
LARGEST_SEED = 2**63 - 1
_FILLED = ("embodiment", "instruction", "seed")


@dataclass(frozen=True)
class Call:
    """One call of a world-action model: its name in URLs and methods, its request and its answer.

    follows: whether it tells of its progress and can be stopped on the way. The model answers one request of such a
    call at a time, through its method ``follow_<name>(request, tell)``.
    """

    name: str
    request: type
    answer: type
    follows: bool = False

    @property
    def path(self) -> str:
        return self.name.replace("_", "-")


CALLS = {
    call.name: call
    for call in (
        Call("policy", PolicyRequest, ActionChunk),
        Call("inverse_dynamics", InverseDynamicsRequest, ActionChunk),
        Call("forward_dynamics", ForwardDynamicsRequest, Rollout),
    )
}


def encode_request(request: Any) -> dict[str, Any]:
    """A typed request as a map; the embodiment goes by its name, and what is None is left out.

    But for an observation's state: None says that nobody knows it, so that actions are wanted and no commands.
    """
    message: dict[str, Any] = {}
    for field in fields(request):
        value = getattr(request, field.name)
        if field.name == "embodiment" and not isinstance(value, str):
            value = value.name
        if is_dataclass(value) and not isinstance(value, type):
            value = {name: part for name, part in vars(value).items() if part is not None or name == "state"}
        if value is not None:
            message[field.name] = value
    return message


def decode_request(call: Call, message: Any) -> Any:
    """The typed request in a map. Raises :class:`UsageError` in one sentence for anything that does not fit.

    ``seed``, ``instruction`` and ``embodiment`` may be missing: they are None then, and whoever holds the session fills
    them in.
    """
    if not isinstance(message, Mapping):
        raise UsageError(f"A {call.name} request must be a map of fields, not {_kind(message)}.")
    known = {field.name: field for field in fields(call.request)}
    strangers = [str(name)[:60] for name in message if name not in known]
    if strangers:
        raise UsageError(
            f"A {call.name} request has no field {', '.join(map(repr, strangers[:5]))}; it takes {', '.join(known)}."
        )
    values: dict[str, Any] = {}
    for name, field in known.items():
        value = message.get(name)
        if value is not None:
            values[name] = _READERS[name](value, name)
        elif field.default is MISSING and field.default_factory is MISSING and name not in _FILLED:
            raise UsageError(f"A {call.name} request needs the field {name!r}.")
    for name in _FILLED:
        if name in known:
            values.setdefault(name, None)
    return call.request(**values)


def encode_answer(answer: ActionChunk | Rollout) -> dict[str, Any]:
    """An answer as a map; numbers stay exactly as they are."""
    return {name: _plain(value) for name, value in vars(answer).items() if value is not None}


def decode_answer(call: Call, message: Mapping[str, Any]) -> ActionChunk | Rollout:
    """The answer in a map that :func:`encode_answer` made."""
    known = {field.name for field in fields(call.answer)}
    values = {name: value for name, value in message.items() if name in known}
    info = dict(values.get("info", {}))
    if isinstance(info.get("sampling"), Mapping):
        info["sampling"] = read_sampling(info["sampling"], "sampling")
    values["info"] = info
    return call.answer(**values)


def read_sampling(value: Any, name: str) -> Sampling:
    """:class:`Sampling` from a map of its fields."""
    settings = {key: number for key, number in _map(value, name).items() if number is not None}
    for key, number in settings.items():
        if key not in _SAMPLING_READERS:
            raise UsageError(f"{name} has no setting {key[:60]!r}; it takes {', '.join(_SAMPLING_READERS)}.")
        settings[key] = _SAMPLING_READERS[key](number, f"{name}.{key}")
    return Sampling(**settings)


def read_text(value: Any, name: str) -> str:
    """Text of at most :data:`MAX_TEXT` characters."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, not {_kind(value)}.")
    if len(value) > MAX_TEXT:
        raise UsageError(f"{name} has {len(value)} characters; at most {MAX_TEXT} are taken.")
    if any(0xD800 <= ord(letter) <= 0xDFFF for letter in value):
        raise UsageError(f"{name} holds a lone surrogate, which is no text; send proper Unicode.")
    return value


def read_whole(value: Any, name: str, low: int = 0, high: int = LARGEST_SEED) -> int:
    """A whole number from `low` to `high`."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        shown = value if isinstance(value, (int, float)) and len(str(value)) < 30 else _kind(value)
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
        raise UsageError(f"{name} must be a finite number, not {_kind(value)}.")
    return number


def read_array(value: Any, name: str, rank: int | None = None) -> np.ndarray:
    """An array of numbers, from a numpy array or even lists; all finite."""
    try:
        array = value if isinstance(value, np.ndarray) else np.asarray(value)
    except (ValueError, OverflowError, RecursionError):
        raise UsageError(f"{name} must hold numbers in an even array.") from None
    if array.dtype.kind not in "biuf" or (rank is not None and array.ndim != rank):
        wanted = "an array of numbers" if rank is None else f"an array of numbers with {rank} axes"
        raise UsageError(f"{name} must be {wanted}, not {_kind(value)} of shape {list(array.shape)}.")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise UsageError(f"{name} holds NaN or infinite values; expected finite numbers.")
    return array


def _map(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise UsageError(f"{name} must be a map with text keys, not {_kind(value)}.")
    return dict(value)


def _read_state(value: Any, name: str) -> dict[str, np.ndarray]:
    return {key: read_array(part, f"{name}.{key[:60]}") for key, part in _map(value, name).items()}


def _read_images(value: Any, name: str) -> dict[str, np.ndarray]:
    return {key: _read_frames(part, f"{name}.{key[:60]}", 3) for key, part in _map(value, name).items()}


def _read_frames(value: Any, name: str, rank: int) -> np.ndarray:
    if not isinstance(value, np.ndarray):
        raise UsageError(f"{name} must be an array of uint8 pixels, not {_kind(value)}.")
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
        raise UsageError(f"{name} must be true or false, not {_kind(value)}.")
    return value


def _read_interval(value: Any, name: str) -> tuple[float, float]:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise UsageError(f"{name} must be two timesteps, low and high.")
    return read_number(value[0], name), read_number(value[1], name)


_SAMPLING_READERS: dict[str, Callable[[Any, str], Any]] = {
    "num_inference_steps": lambda value, name: read_whole(value, name, 1, 2000),
    "guidance_scale": read_number,
    "flow_shift": read_number,
    "resolution_tier": lambda value, name: read_whole(value, name, 1, 4096),
    "guidance_interval": _read_interval,
    "guidance_steps": lambda value, name: read_whole(value, name, 0, 2000),
}
_READERS: dict[str, Callable[[Any, str], Any]] = {
    "observation": _read_observation,
    "instruction": read_text,
    "embodiment": read_text,
    "seed": read_whole,
    "chunk_size": lambda value, name: read_whole(value, name, 1, 1024),
    "sampling": read_sampling,
    "video": _read_flag,
    "frames": lambda value, name: _read_frames(value, name, 4),
    "frame": lambda value, name: _read_frames(value, name, 3),
    "actions": lambda value, name: read_array(value, name, 2),
    "prefix": lambda value, name: read_array(value, name, 2),
    "history": lambda value, name: read_array(value, name, 2),
    "state": _read_state,
}


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {name: _plain(part) for name, part in vars(value).items()}
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return value


def _kind(value: Any) -> str:
    return "nothing" if value is None else type(value).__name__
