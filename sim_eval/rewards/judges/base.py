"""What a judge is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cosmos_policy.world_action_model import WorldActionModel


@dataclass(frozen=True, eq=False)
class Clip:
    """What is judged: composed frames, uint8 [T, H, W, 3], first and last in order; what the robot was told; Hz."""

    frames: np.ndarray
    instruction: str
    fps: float


class Judge(ABC):
    """Says how likely a clip shows success. `name`: a few words for readers."""

    name: str

    @abstractmethod
    def probabilities(self, clips: Sequence[Clip], model: WorldActionModel) -> list[float]:
        """The probability of success of each clip, 0 to 1. model: the world-action model at hand."""
