"""The transformer's task: batches of the mixture, noised, and the velocity error."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from cosmos_policy.training.adaptation import is_head
from cosmos_policy.training.batches import Collator
from cosmos_policy.training.data.windows import TrainingData
from cosmos_policy.training.objective import Noised, mix_noise, velocity_loss
from cosmos_policy.training.roles import Role, roles_of_step
from cosmos_policy.training.settings import LossSettings, TrainSettings
from cosmos_policy.training.stream import BatchedTransformer
from cosmos_policy.training.task import Task, generator_for
from cosmos_policy.training.times import draw_times, shift_for


class FlowMatching(nn.Module):
    """The batched transformer and its loss in one module, as data-parallel wrappers want it."""

    def __init__(self, network: BatchedTransformer, weights: LossSettings, compiled: bool):
        super().__init__()
        self.network = network
        self._weights = weights
        if compiled:  # every layer alike: compiled once for all of them
            network.transformer.compile_repeated_blocks(dynamic=False)

    def forward(self, noised: Noised) -> dict[str, Tensor]:
        loss = velocity_loss(noised, *self.network(noised.network), self._weights)
        return {"total": loss.total, "video": loss.video, "action": loss.action}


class FlowMatchingTask(Task):
    """Trains `network` on `data`. evaluation: what measures it on held-out windows."""

    def __init__(
        self,
        network: BatchedTransformer,
        data: TrainingData,
        settings: TrainSettings,
        device: torch.device,
        evaluation: Callable[[], Mapping[str, float]],
    ):
        self.module = FlowMatching(network, settings.loss, settings.compile)
        self._data, self._settings, self._device = data, settings, device
        self._collator = Collator(data, network.transformer.config, device, settings.mixture.history_rows)
        self._evaluation = evaluation

    def batch(self, seed: tuple[int, ...]) -> Noised:
        settings = self._settings
        roles = roles_of_step(self._data, settings.mixture, settings.batch_size, seed)
        return self.noised(roles, generator_for(seed, self._device))

    def noised(self, roles: tuple[Role, ...], generator: torch.Generator) -> Noised:
        """These samples, each at a noise level of its own."""
        settings, device = self._settings, self._device
        clean = self._collator.batch(roles)
        shifts = [shift_for(settings.times, self._data.groups[role.group].tier) for role in roles]
        uniform = torch.rand(len(roles), generator=generator, device=device)
        times = draw_times(uniform, torch.tensor(shifts, device=device), settings.times)
        noise = [torch.randn(tokens.shape, generator=generator, device=device) for tokens in (clean.video, clean.rows)]
        return mix_noise(clean, times, *noise)

    def evaluate(self) -> Mapping[str, float]:
        return self._evaluation()

    def learning_rate_factor(self, name: str) -> float:
        head = is_head(name.removeprefix("network.transformer."))
        return self._settings.optimizer.head_factor if head else 1.0

    def has_decay(self, name: str, parameter: Tensor) -> bool:
        # DomainAwareLinear keeps its biases as an embedding table: two-dimensional, and no matrix.
        return super().has_decay(name, parameter) and not name.endswith(".bias.weight")
