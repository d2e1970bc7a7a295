"""Which of its code paths an engine takes, for tests and measurements that compare them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cosmos_policy.engine.attention import Choice
from cosmos_policy.engine.operations import Operations
from cosmos_policy.engine.stream import Stream

#: steps of at most so many tokens are recorded as CUDA graphs; larger ones keep the GPU busy without
RECORDED_TOKENS = 2048


@dataclass(frozen=True)
class Paths:
    """attention, operations: None takes the fastest that works on the device. stream: what runs the layers.
    recorded_tokens: steps of at most so many are recorded as CUDA graphs (CUDA only; 0: none)."""

    attention: Choice | None = None
    operations: Operations | None = None
    stream: Callable[..., Stream] = Stream
    recorded_tokens: int = RECORDED_TOKENS
