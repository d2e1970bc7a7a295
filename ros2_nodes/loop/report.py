"""What the loop tells after every tick: everything that a status message or diagnostics need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cosmos_policy.types import ActionChunk, Observation, PolicyRequest
from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety.states import SafetyState


@dataclass(frozen=True)
class StateChanged:
    """The safety state changed."""

    before: SafetyState
    after: SafetyState
    causes: tuple[Cause, ...]


@dataclass(frozen=True)
class ChunkAdmitted:
    """A chunk passed all checks and is executed. slowdown: 1 at the model's own speed, 2 at half of it.
    limits_hit: limits that would have been exceeded without slowing or clamping. latency_ms: from the question to its
    answer. prefix_steps: rows that the model was told."""

    chunk: ActionChunk
    request: PolicyRequest
    slowdown: float
    limits_hit: tuple[Reason, ...]
    latency_ms: float
    prefix_steps: int


@dataclass(frozen=True)
class ChunkRejected:
    """A chunk was refused; nothing of it is executed."""

    chunk: ActionChunk | None
    request: PolicyRequest
    causes: tuple[Cause, ...]


Event = StateChanged | ChunkAdmitted | ChunkRejected


@dataclass(frozen=True)
class TickReport:
    """One tick.

    observation: what was sampled, or None where it was refused (`refusals` say why). asked: the request that was sent
    to the model at this tick. ages_ms: stream -> age of its newest message, of those that have one. drift: similarity
    of what was predicted and what is seen, -1 to 1, or None. measured: stream -> positions that the robot reports.
    inference_ms: the last measured time from question to answer, or None. inference_too_slow: inference takes longer
    than the actions that a chunk has to bridge it.
    """

    state: SafetyState
    causes: tuple[Cause, ...]
    observation: Observation | None
    refusals: tuple[Cause, ...]
    asked: PolicyRequest | None
    events: tuple[Event, ...]
    ages_ms: Mapping[str, float]
    drift: float | None
    measured: Mapping[str, np.ndarray]
    inference_ms: float | None
    inference_too_slow: bool
    counts: Mapping[str, int]
