"""Windows: the stretches of episodes that samples are made of, as arrays of one shape."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cosmos_policy.engine.layout import Grid


@dataclass(frozen=True)
class Prompts:
    """The prompts of one window, as numbers of a :class:`TextTable`: without and with the count of idle actions, and
    that of inverse dynamics, which never tells it."""

    plain: int
    idle: int
    inverse_dynamics: int


@dataclass(frozen=True, eq=False)
class WindowGroup:
    """W windows of one dataset, all of one shape. In model space; columns beyond the robot's are 0.

    name: the embodiment's. columns: how many of the action columns are the robot's. domain: its id.
    share: how often the group is drawn. tier: of the canvas. fps: of frames and actions.
    latents: [W, C, T, h, w], normalised, the content's cells alone.
    actions: float32 [W, T actions, width]. state: float32 [W, S, width], S 0 without state rows.
    history: float32 [W, H, width], the actions before the window, the nearest last. reach: int [W], how many of them
    are there.
    prompts: of each window. places: (episode, start) of each window.
    """

    name: str
    columns: int
    domain: int
    share: float
    tier: int
    fps: float
    grid: Grid
    latents: torch.Tensor
    actions: np.ndarray
    state: np.ndarray
    history: np.ndarray
    reach: np.ndarray
    prompts: Sequence[Prompts]
    places: Sequence[tuple[int, int]]

    def __len__(self) -> int:
        return len(self.actions)


class TextTable:
    """Different prompts, each kept once as its token ids. Number 0 is the empty one, which guidance compares with."""

    def __init__(self, tokenize):
        """tokenize: prompt -> list of token ids."""
        self._tokenize = tokenize
        self._numbers: dict[str, int] = {}
        self.ids: list[torch.Tensor] = []
        self.texts: list[str] = []
        self.number("")

    def number(self, prompt: str) -> int:
        """The number of `prompt`; a new one is tokenised."""
        if prompt not in self._numbers:
            self._numbers[prompt] = len(self.ids)
            self.ids.append(torch.tensor(self._tokenize(prompt), dtype=torch.long))
            self.texts.append(prompt)
        return self._numbers[prompt]


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Everything that batches are made from."""

    groups: tuple[WindowGroup, ...]
    texts: TextTable

    @property
    def num_windows(self) -> int:
        return sum(len(group) for group in self.groups)
