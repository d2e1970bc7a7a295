"""Where a world begins."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment


@dataclass(frozen=True, eq=False)
class Start:
    """The first instant of a world.

    frame: uint8 [H, W, 3], composed views. state: the robot's, in its own units, as ``Embodiment.decode`` reads it.
    instruction: what the robot is told, or "". origin: a few words for ``info``.
    """

    frame: np.ndarray
    state: Mapping[str, np.ndarray]
    instruction: str
    origin: str


@dataclass(frozen=True)
class Place:
    """What a start may need: the robot, and the model that generates frames."""

    embodiment: Embodiment
    model: WorldActionModel


class StartSource(ABC):
    """One kind of start. `options`: the ``reset`` options that it reads; `marks`: those of them that ask for it."""

    options: tuple[str, ...]
    marks: tuple[str, ...]

    @abstractmethod
    def open(self, options: Mapping[str, Any], place: Place, generator: np.random.Generator) -> Start:
        """The start that these options (all of `self.options`) ask for; what they leave open, `generator` draws.

        Raises ``UsageError`` in one sentence where they do not fit.
        """
