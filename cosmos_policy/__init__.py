"""Run NVIDIA Cosmos 3 world-action models on robots.

>>> import cosmos_policy
>>> model = cosmos_policy.load("tiny")  # doctest: +SKIP

Importing this package imports no torch, and its parts come when they are first named: a robot's computer needs few.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cosmos_policy.client import ActionChunkBroker, connect
    from cosmos_policy.errors import Failure, UsageError
    from cosmos_policy.loading import load
    from cosmos_policy.types import (
        ActionChunk,
        ForwardDynamicsRequest,
        GenerateRequest,
        InverseDynamicsRequest,
        Media,
        Observation,
        PolicyRequest,
        ReasonRequest,
        ReasonSampling,
        Reply,
        ReplyDelta,
        Rollout,
        Sampling,
        Transfer,
    )
    from cosmos_policy.world_action_model import ModelInfo, WorldActionModel

_HOME = {
    "ActionChunk": "types",
    "ActionChunkBroker": "client",
    "Failure": "errors",
    "ForwardDynamicsRequest": "types",
    "GenerateRequest": "types",
    "InverseDynamicsRequest": "types",
    "Media": "types",
    "ModelInfo": "world_action_model",
    "Observation": "types",
    "PolicyRequest": "types",
    "ReasonRequest": "types",
    "ReasonSampling": "types",
    "Reply": "types",
    "ReplyDelta": "types",
    "Rollout": "types",
    "Sampling": "types",
    "Transfer": "types",
    "UsageError": "errors",
    "WorldActionModel": "world_action_model",
    "connect": "client",
    "load": "loading",
}

__all__ = [
    "ActionChunk",
    "ActionChunkBroker",
    "Failure",
    "ForwardDynamicsRequest",
    "GenerateRequest",
    "InverseDynamicsRequest",
    "Media",
    "ModelInfo",
    "Observation",
    "PolicyRequest",
    "ReasonRequest",
    "ReasonSampling",
    "Reply",
    "ReplyDelta",
    "Rollout",
    "Sampling",
    "Transfer",
    "UsageError",
    "WorldActionModel",
    "connect",
    "load",
]


def __getattr__(name: str) -> object:
    """A public name, imported when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'cosmos_policy' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(f"cosmos_policy.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
