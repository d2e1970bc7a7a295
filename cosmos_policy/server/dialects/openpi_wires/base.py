"""What the dialects of the openpi wire have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.server.continuation import Continuation
from cosmos_policy.server.dialects.envelope import CONTINUATION_KEYS, read_continuation
from cosmos_policy.server.errors import Invalid
from cosmos_policy.types import ActionChunk
from cosmos_policy.wire.readers import read_number, read_text, read_whole
from embodiments import Embodiment

#: What every dialect may carry besides its cameras and its state.
COMMON_KEYS = ("prompt", "seed", "age_ms", "deadline_ms", "stamp", *CONTINUATION_KEYS)


@dataclass(frozen=True)
class Sighting:
    """What a client sent, in our names. images: view -> uint8 [H, W, 3], of those views that came (or `composed`, all
    of them in one frame). state: as the embodiment documents it; None where the robot's policy reads none."""

    images: Mapping[str, np.ndarray]
    composed: np.ndarray | None
    state: Mapping[str, np.ndarray] | None
    instruction: str | None
    session_id: str
    seed: int | None
    stamp: float
    age_ms: float
    deadline_ms: float | None
    continuation: Continuation | None = None


@dataclass(frozen=True)
class Reset:
    """A new episode, of these sessions or (None) of the whole connection."""

    session_ids: tuple[str, ...] | None


class OpenPiWire(ABC):
    """One dialect. `rank`: lower is asked first."""

    name: str
    rank: int

    @abstractmethod
    def serves(self, robot: Embodiment) -> bool:
        """Whether clients of this dialect drive `robot`."""

    @abstractmethod
    def knows(self, message: Mapping[str, Any]) -> bool:
        """Whether `message` is in this dialect."""

    @abstractmethod
    def keys(self, robot: Embodiment) -> tuple[str, ...]:
        """The keys it knows beside :data:`COMMON_KEYS`; any other is refused."""

    def unread_keys(self) -> tuple[str, ...]:
        """What its clients send for other policies too, and this robot's policy does not read."""
        return ()

    @abstractmethod
    def cameras(self, message: Mapping[str, Any], robot: Embodiment) -> dict[str, str]:
        """view -> key, of all cameras; of those that `message` may leave out, only what it holds."""

    @abstractmethod
    def state(self, message: Mapping[str, Any], robot: Embodiment) -> Mapping[str, np.ndarray] | None:
        """The robot's state in `message`."""

    @abstractmethod
    def rows(self, chunk: ActionChunk) -> np.ndarray:
        """[T, columns], what its clients execute."""

    def composed(self, message: Mapping[str, Any]) -> np.ndarray | None:
        """All views in one frame, where the dialect sends them so."""
        return None

    def read(self, message: Mapping[str, Any], robot: Embodiment) -> Sighting | Reset:
        """What `message` says. Raises :class:`Invalid` or ``UsageError`` in one sentence."""
        self._check_keys(message, robot)
        prompt, seed, deadline = message.get("prompt"), message.get("seed"), message.get("deadline_ms")
        session_id = message.get("session_id")
        cameras = self.cameras(message, robot)
        return Sighting(
            images={view: read_picture(message[key], key) for view, key in cameras.items() if key in message},
            composed=self.composed(message),
            state=self.state(message, robot),
            instruction=None if prompt is None else read_text(prompt, "prompt"),
            session_id="" if session_id is None else read_text(session_id, "session_id"),
            seed=None if seed is None else read_whole(seed, "seed"),
            stamp=read_number(message.get("stamp", 0.0), "stamp"),
            age_ms=max(0.0, read_number(message.get("age_ms", 0.0), "age_ms")),
            deadline_ms=None if deadline is None else read_number(deadline, "deadline_ms"),
            continuation=read_continuation(message),
        )

    def greeting(self, robot: Embodiment) -> dict[str, Any]:
        """What the server says first, to all dialects of this robot at once; clients that want nothing take any map."""
        return {
            "embodiment": robot.name,
            "image_resolution": list(robot.example_image_size),
            "keys": list(self.keys(robot)),
        }

    def reset_reply(self) -> str:
        """What a client that resets waits for."""
        return "reset successful"

    def answer(self, chunk: ActionChunk, previous_ms: float | None) -> dict[str, Any]:
        """The reply. Every array has one row a step: brokers of these clients cut all arrays by row."""
        rows = self.rows(chunk).astype(np.float32)
        timing = {f"{stage}_ms": milliseconds for stage, milliseconds in chunk.timing.items()}
        timing["infer_ms"] = chunk.timing["server"]
        if previous_ms is not None:
            timing["prev_total_ms"] = previous_ms
        return {
            "action": rows,
            "actions": rows,
            "server_timing": timing,
            "stamp": chunk.stamp,
            "valid_until": chunk.valid_until,
            "dt": chunk.dt,
            "seed": chunk.info["seed"],
            "serving": chunk.info["serving"],
        }

    def _check_keys(self, message: Mapping[str, Any], robot: Embodiment) -> None:
        expected = (*self.keys(robot), *COMMON_KEYS)
        strangers = [str(key)[:60] for key in message if key not in expected and key not in self.unread_keys()]
        if strangers:
            raise Invalid(
                f"The {self.name} dialect has no key {', '.join(map(repr, strangers[:5]))}: nothing is dropped in "
                f"silence. It knows {', '.join(expected)}."
            )


def read_picture(value: Any, key: str) -> np.ndarray:
    """uint8 [H, W, 3]. Raises :class:`Invalid` that names the key."""
    if not isinstance(value, np.ndarray) or value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
        shape = list(np.shape(value)) if isinstance(value, np.ndarray) else type(value).__name__
        raise Invalid(f"{key!r} must be a picture, uint8 [height, width, 3], not {shape}.")
    if value.dtype != np.uint8:
        raise Invalid(f"{key!r} has dtype {value.dtype}; expected uint8 with values 0 to 255.")
    return value
