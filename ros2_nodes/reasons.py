"""Why something was refused, held or stopped: one list for the whole robot side, so that reasons can be counted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum


class Reason(str, Enum):
    """The value is what stands in messages, logs and diagnostics."""

    # Observations
    STREAM_MISSING = "stream_missing"
    """Nothing has come on the topic yet."""
    TOO_OLD = "too_old"
    STAMP_IN_FUTURE = "stamp_in_future"
    SKEWED = "skewed"
    WRONG_SIZE = "wrong_size"
    WRONG_ENCODING = "wrong_encoding"
    UNREADABLE = "unreadable"
    """Too few bytes, broken JPEG, no number."""
    NOT_FINITE = "not_finite"
    JOINT_MISSING = "joint_missing"
    WRONG_FRAME = "wrong_frame"
    JOINT_JUMP = "joint_jump"
    """A measurement moved farther than the velocity limits allow."""
    NO_INSTRUCTION = "no_instruction"
    # Inference
    INFERENCE_FAILED = "inference_failed"
    INFERENCE_LATE = "inference_late"
    """The answer took longer than its deadline, or than the chunk lasts."""
    CONTRACT_CHANGED = "contract_changed"
    """The server serves another robot than the one that was checked."""
    # Chunks and motions
    CHUNK_INCONSISTENT = "chunk_inconsistent"
    """Wrong shape, rate, stamp or anchor; commands that are not those of its actions."""
    CHUNK_EXPIRED = "chunk_expired"
    START_TOO_FAR = "start_too_far"
    JUMP = "jump"
    POSITION_LIMIT = "position_limit"
    WORKSPACE_LIMIT = "workspace_limit"
    VELOCITY_LIMIT = "velocity_limit"
    ACCELERATION_LIMIT = "acceleration_limit"
    JERK_LIMIT = "jerk_limit"
    TOO_SLOW = "too_slow"
    """The chunk would have to run slower than max_slowdown allows."""
    UNREACHABLE = "unreachable"
    """Inverse kinematics finds no joints for a pose."""
    # Holds and stops
    MOTION_ENDED = "motion_ended"
    """The last action is executed and no next chunk is there."""
    TICK_LATE = "tick_late"
    CLOCK_JUMP = "clock_jump"
    TRACKING_ERROR = "tracking_error"
    """The robot is not where it was told to be: frozen, blocked, or moved by somebody else."""
    DEADMAN_RELEASED = "deadman_released"
    EMERGENCY_STOP = "emergency_stop"
    DRIFT = "drift"
    """What the cameras see is not what the model expected."""
    HOLD_TOO_LONG = "hold_too_long"
    NODE_FAILED = "node_failed"
    """Something in the node itself broke; its log has the traceback."""
    REQUESTED = "requested"
    """Deactivated, cancelled or shut down by its user."""


@dataclass(frozen=True)
class Cause:
    """A reason with its one sentence."""

    reason: Reason
    detail: str

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}"


class ReasonCounter:
    """How often each reason was given since the start."""

    def __init__(self) -> None:
        self._counts: Counter[Reason] = Counter()

    def add(self, causes: Iterable[Cause]) -> None:
        self._counts.update(cause.reason for cause in causes)

    def counts(self) -> dict[str, int]:
        """Reason's value -> count, those that were given at least once, in alphabetical order."""
        return {reason.value: self._counts[reason] for reason in sorted(self._counts, key=lambda one: one.value)}
