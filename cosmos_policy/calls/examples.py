"""Made-up requests of the right shapes: what a model is warmed up and measured with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from cosmos_policy.types import ForwardDynamicsRequest, InverseDynamicsRequest, Observation, PolicyRequest, Sampling
from embodiments import Embodiment

INSTRUCTION = "put it where it belongs"


def example_policy(robot: Embodiment, seed: int, sampling: Sampling, chunk_size: int | None) -> PolicyRequest:
    """Noise for pictures, and a possible state."""
    observation = Observation(**robot.example_observation(seed))
    return PolicyRequest(observation, INSTRUCTION, robot, seed=seed, chunk_size=chunk_size, sampling=sampling)


def example_inverse_dynamics(
    robot: Embodiment, seed: int, sampling: Sampling, chunk_size: int | None
) -> InverseDynamicsRequest:
    """One composed frame, again and again."""
    example = robot.example_observation(seed)
    frames = np.repeat(robot.compose(example["images"])[None], (chunk_size or robot.chunk_size) + 1, axis=0)
    return InverseDynamicsRequest(frames, robot, seed=seed, state=example["state"], sampling=sampling)


def example_forward_dynamics(
    robot: Embodiment, seed: int, sampling: Sampling, chunk_size: int | None
) -> ForwardDynamicsRequest:
    """Actions in the middle of what the normaliser knows."""
    example = robot.example_observation(seed)
    actions = robot.denormalize(np.zeros((chunk_size or robot.chunk_size, robot.action_dim)))
    frame = robot.compose(example["images"])
    return ForwardDynamicsRequest(frame, actions, robot, seed=seed, state=example["state"], sampling=sampling)


#: call -> what makes an example of it from (robot, seed, sampling, chunk size)
EXAMPLES: dict[str, Callable[[Embodiment, int, Sampling, int | None], Any]] = {
    "policy": example_policy,
    "inverse_dynamics": example_inverse_dynamics,
    "forward_dynamics": example_forward_dynamics,
}
