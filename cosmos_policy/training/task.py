"""What the trainer turns: a module that says its losses, the batches that it is given, and its evaluation."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn


class Task(ABC):
    """One thing to learn. ``module(batch)`` gives losses by name; "total" is minimised."""

    module: nn.Module

    @abstractmethod
    def batch(self, seed: tuple[int, ...]) -> Any:
        """The batch that belongs to these numbers (run's seed, rank, step, pass): the same ones, the same batch."""

    @abstractmethod
    def evaluate(self) -> Mapping[str, float]:
        """Figures on held-out data, name -> number, with the module's present weights; {} where nothing is held out."""

    def learning_rate_factor(self, name: str) -> float:
        """Times the learning rate, for the parameter of that name."""
        return 1.0

    def has_decay(self, name: str, parameter: Tensor) -> bool:
        """Whether weight decay pulls at the parameter of that name: matrices that are no embedding."""
        return parameter.ndim >= 2 and "embed" not in name


def generator_for(seed: tuple[int, ...], device: torch.device) -> torch.Generator:
    """A generator on `device` that these numbers alone determine."""
    import numpy as np

    state = int(np.random.SeedSequence(seed).generate_state(1, np.uint64)[0] >> 1)
    return torch.Generator(device).manual_seed(state)
