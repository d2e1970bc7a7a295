"""Run NVIDIA Cosmos 3 world-action models on robots.

>>> import cosmos_policy
>>> model = cosmos_policy.load("tiny")  # doctest: +SKIP

Importing this package imports no torch: a robot's computer needs none.
"""

from cosmos_policy.client import ActionChunkBroker, connect
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.loading import load
from cosmos_policy.types import (
    ActionChunk,
    ForwardDynamicsRequest,
    InverseDynamicsRequest,
    Observation,
    PolicyRequest,
    Rollout,
    Sampling,
)
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel

__all__ = [
    "ActionChunk",
    "ActionChunkBroker",
    "Failure",
    "ForwardDynamicsRequest",
    "InverseDynamicsRequest",
    "ModelInfo",
    "Observation",
    "PolicyRequest",
    "Rollout",
    "Sampling",
    "UsageError",
    "WorldActionModel",
    "connect",
    "load",
]
