"""A Cosmos 3 checkpoint behind the methods that LeRobot calls."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from lerobot.policies.pretrained import PreTrainedPolicy

import cosmos_policy
from cosmos_policy.client import is_address
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, Observation, PolicyRequest, Sampling
from cosmos_policy.world_action_model import WorldActionModel
from lerobot_policy_cosmos3.configuration_cosmos3 import Cosmos3Config
from lerobot_policy_cosmos3.features import FeatureMap

TASK = "task"


class Cosmos3Policy(PreTrainedPolicy):
    """Asks a checkpoint (here, or on a server) for a chunk, and hands it out action by action.

    All environments of a batch are asked about in one call. The weights live in the model behind, not in this module:
    ``save_pretrained`` and training are not for it.
    """

    config_class = Cosmos3Config
    name = "cosmos3"

    def __init__(self, config: Cosmos3Config, **_: Any) -> None:
        super().__init__(config)
        for name in ("checkpoint", "embodiment"):
            if getattr(config, name) is None:
                raise UsageError(f"--policy.{name} must be given for --policy.type=cosmos3.")
        self._model = _open(config)
        self._robot = self._model.embodiment_for(config.embodiment)
        self._features = FeatureMap(self._robot, config.views, config.states, config.actions, config.gripper_mode)
        self._chunk_size = config.chunk_size or self._robot.chunk_size
        self._horizon = self._chunk_size if config.execution_horizon is None else config.execution_horizon
        if not 1 <= self._horizon <= self._chunk_size:
            raise UsageError(
                f"--policy.execution_horizon is {self._horizon}; expected 1 to {self._chunk_size}, the chunk's size."
            )
        self._sampling = Sampling(
            num_inference_steps=config.num_inference_steps,
            guidance_scale=config.guidance_scale,
            flow_shift=config.flow_shift,
            resolution_tier=config.resolution_tier,
        )
        self._episodes = -1
        self.reset()

    def reset(self) -> None:
        """A new episode in every environment of the batch."""
        self._episodes += 1
        self._chunks = 0
        self._queue: deque[torch.Tensor] = deque()

    def predict_action_chunk(self, batch: dict[str, Any], **_: Any) -> torch.Tensor:
        """float32 [B, T, A] from LeRobot's batch: pictures [B, 3, H, W] in 0..1, states [B, width], "task"."""
        number = next(len(values) for name, values in batch.items() if name.startswith("observation"))
        chunks: list[ActionChunk] = self._model.policy([self._request(batch, row) for row in range(number)])
        self._chunks += 1
        vectors = np.stack([self._features.vectors(chunk.commands) for chunk in chunks])
        return torch.from_numpy(vectors).float()

    def select_action(self, batch: dict[str, Any], **_: Any) -> torch.Tensor:
        """The next action of every environment, float32 [B, A]; asks for chunks when the last ones are used up."""
        if not self._queue:
            self._queue.extend(self.predict_action_chunk(batch)[:, : self._horizon].unbind(dim=1))
        return self._queue.popleft()

    def forward(self, batch: dict[str, Any]) -> tuple[torch.Tensor, dict | None]:
        raise UsageError("Cosmos 3 is not trained by lerobot-train; use cosmos-policy train.")

    def get_optim_params(self) -> dict:
        raise UsageError("Cosmos 3 is not trained by lerobot-train; use cosmos-policy train.")

    def _request(self, batch: dict[str, Any], row: int) -> PolicyRequest:
        place = np.random.SeedSequence([self.config.seed, self._episodes, self._chunks, row])
        return PolicyRequest(
            Observation(self._features.images(batch, row), self._features.state(batch, row)),
            self._instruction(batch, row),
            self._robot,
            seed=int(place.generate_state(1)[0]),
            chunk_size=self._chunk_size,
            sampling=self._sampling,
        )

    def _instruction(self, batch: dict[str, Any], row: int) -> str:
        if self.config.instruction is not None:
            return self.config.instruction
        tasks = batch.get(TASK)
        text = tasks[row] if isinstance(tasks, (list, tuple)) else tasks
        if not text:
            raise UsageError("The environment says no task: tell the policy one with --policy.instruction.")
        return str(text)


def _open(config: Cosmos3Config) -> WorldActionModel:
    if is_address(config.checkpoint):
        return cosmos_policy.connect(config.checkpoint, like=config.like)
    return cosmos_policy.load(
        config.checkpoint, device=config.device, dtype=config.dtype, revision=config.revision, like=config.like
    )
