"""What the DROID dialects of the openpi wire have in common."""

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
from cosmos_policy.wire.readers import read_array, read_number, read_text, read_whole

ROBOT = "droid_joint"
WRIST = "observation/wrist_image_left"
JOINTS, GRIPPER = "observation/joint_position", "observation/gripper_position"
#: What every dialect may carry besides its cameras.
COMMON_KEYS = (JOINTS, GRIPPER, "prompt", "seed", "age_ms", "deadline_ms", "stamp", *CONTINUATION_KEYS)
#: What DROID clients send for other policies too, and this robot's policy does not read.
UNREAD_KEYS = ("observation/cartesian_position", "observation/joint_velocity", "observation/gripper_velocity")


@dataclass(frozen=True)
class Sighting:
    """What a client sent, in our names. images: view -> uint8 [H, W, 3], of those views that came (or `composed`, all
    three in one frame). state: ``joint_position`` [7] rad, ``gripper_position`` [1], 1 = closed."""

    images: Mapping[str, np.ndarray]
    composed: np.ndarray | None
    state: Mapping[str, np.ndarray]
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


class DroidWire(ABC):
    """One dialect. `rank`: lower is asked first."""

    name: str
    rank: int
    keys: tuple[str, ...]
    """The keys it knows beside :data:`COMMON_KEYS`; any other is refused."""

    @abstractmethod
    def knows(self, message: Mapping[str, Any]) -> bool:
        """Whether `message` is in this dialect."""

    @abstractmethod
    def cameras(self, message: Mapping[str, Any]) -> dict[str, str]:
        """view -> key, of the cameras that `message` holds."""

    def read(self, message: Mapping[str, Any]) -> Sighting | Reset:
        """What `message` says. Raises :class:`Invalid` or ``UsageError`` in one sentence."""
        self._check_keys(message)
        composed = message.get("observation/image")
        prompt, seed, deadline = message.get("prompt"), message.get("seed"), message.get("deadline_ms")
        session_id = message.get("session_id")
        return Sighting(
            images={view: _picture(message[key], key) for view, key in self.cameras(message).items()},
            composed=None if composed is None else _picture(composed, "observation/image"),
            state=_state(message),
            instruction=None if prompt is None else read_text(prompt, "prompt"),
            session_id="" if session_id is None else read_text(session_id, "session_id"),
            seed=None if seed is None else read_whole(seed, "seed"),
            stamp=read_number(message.get("stamp", 0.0), "stamp"),
            age_ms=max(0.0, read_number(message.get("age_ms", 0.0), "age_ms")),
            deadline_ms=None if deadline is None else read_number(deadline, "deadline_ms"),
            continuation=read_continuation(message),
        )

    def reset_reply(self) -> str:
        """What a client that resets waits for."""
        return "reset successful"

    def answer(self, chunk: ActionChunk, previous_ms: float | None) -> dict[str, Any]:
        """The reply. Every array has one row a step: brokers of these clients cut all arrays by row.

        The commands of ``droid_joint`` are in the robot's own polarity already: gripper 0 open, 1 closed.
        """
        rows = np.concatenate(
            [chunk.commands["joint_position"], chunk.commands["gripper_position"][:, None]], axis=1
        ).astype(np.float32)
        serving = chunk.info["serving"]
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
            "serving": serving,
        }

    def _check_keys(self, message: Mapping[str, Any]) -> None:
        known = (*self.keys, *COMMON_KEYS, *UNREAD_KEYS)
        strangers = [str(key)[:60] for key in message if key not in known]
        if strangers:
            raise Invalid(
                f"The {self.name} dialect has no key {', '.join(map(repr, strangers[:5]))}: nothing is dropped in "
                f"silence. It knows {', '.join((*self.keys, *COMMON_KEYS))}."
            )


def _picture(value: Any, key: str) -> np.ndarray:
    if not isinstance(value, np.ndarray) or value.ndim != 3 or value.shape[2] != 3 or 0 in value.shape:
        shape = list(np.shape(value)) if isinstance(value, np.ndarray) else type(value).__name__
        raise Invalid(f"{key!r} must be a picture, uint8 [height, width, 3], not {shape}.")
    if value.dtype != np.uint8:
        raise Invalid(f"{key!r} has dtype {value.dtype}; expected uint8 with values 0 to 255.")
    return value


def _state(message: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The newest row of joints and gripper; clients send one row or a history, oldest first."""
    for key in (JOINTS, GRIPPER):
        if key not in message:
            raise Invalid(f"The observation lacks {key!r}.")
    joints = read_array(message[JOINTS], JOINTS)
    if joints.ndim not in (1, 2) or joints.shape[-1] != 7 or 0 in joints.shape:
        raise Invalid(f"{JOINTS!r} must have shape [7] or [rows, 7] (rad), not {list(joints.shape)}.")
    gripper = read_array(message[GRIPPER], GRIPPER)
    if gripper.ndim > 2 or gripper.size == 0 or (gripper.ndim == 2 and gripper.shape[1] != 1):
        raise Invalid(
            f"{GRIPPER!r} must be a number, [1], [rows] or [rows, 1] (1 = closed), not {list(gripper.shape)}."
        )
    return {
        "joint_position": np.asarray(joints, dtype=np.float64).reshape(-1, 7)[-1],
        "gripper_position": np.asarray(gripper, dtype=np.float64).reshape(-1)[-1:],
    }
