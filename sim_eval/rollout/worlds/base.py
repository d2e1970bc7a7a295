"""What a closed loop needs of the world that the policy acts in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from embodiments import Embodiment


class World(ABC):
    """One world, episode after episode.

    robot: who acts, as a policy is told it: with no checkpoint's normaliser. period_s: time of a control step.
    time_limit_s: time after which an episode has failed.
    """

    robot: Embodiment
    time_limit_s: float

    @property
    def period_s(self) -> float:
        return 1.0 / self.robot.fps

    @property
    @abstractmethod
    def instruction(self) -> str:
        """What a person would tell the robot in the present scene."""

    @abstractmethod
    def reset(self, seed: int, *, film: bool = False) -> None:
        """Scene number `seed`. film: every control step is seen, for :meth:`footage`."""

    @abstractmethod
    def observe(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        """``{"images": {view: uint8 [H, W, 3]}, "state": {name: float64}}``, now."""

    @abstractmethod
    def hold(self) -> Mapping[str, np.ndarray]:
        """The action that keeps the robot where it is."""

    @abstractmethod
    def pick(self, chunk: Mapping[str, np.ndarray], row: int) -> Mapping[str, np.ndarray]:
        """Row `row` of ``ActionChunk.commands``, as :meth:`step` takes it."""

    @abstractmethod
    def step(self, action: Mapping[str, np.ndarray]) -> tuple[bool, bool]:
        """One control step, unseen: whether the episode has succeeded, and whether it is over."""

    @abstractmethod
    def footage(self) -> np.ndarray:
        """The composed views at every instant of a filmed episode, uint8 [steps + 1, H, W, 3]."""

    @abstractmethod
    def write_dataset(self, folder: Path, instruction: str) -> int:
        """Writes the episode that has just ended as a LeRobot v3 dataset of its own into the new folder; returns its
        number of frames. Only a world that was opened for it can."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What this world adds to the record of the episode that has just ended, as JSON values."""

    @abstractmethod
    def close(self) -> None:
        """Frees what the world holds. Closing twice is harmless."""
