"""What a closed loop needs of the world that the policy acts in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from embodiments import Embodiment


class Commands(Protocol):
    """One control step of an embodiment's commands."""

    def pick(self, chunk: Mapping[str, np.ndarray], row: int) -> dict[str, np.ndarray]:
        """Row `row` of ``ActionChunk.commands``, as the world's ``step_blind`` takes it."""


class World(Protocol):
    """A Gymnasium environment that can also go on without being looked at (``CosmosPolicy/Robosuite-v0`` is one)."""

    embodiment: Embodiment
    commands: Commands
    time_limit_s: float

    @property
    def instruction(self) -> str:
        """What a person would tell the robot."""

    def reset(self, *, seed: int) -> tuple[dict, dict]:
        """Scene number `seed`."""

    def observe(self) -> dict[str, dict[str, np.ndarray]]:
        """``{"images": {view: uint8 [H, W, 3]}, "state": {name: float64}}``, now."""

    def hold(self) -> dict[str, np.ndarray]:
        """The action that keeps the robot where it is."""

    def step_blind(self, action: Mapping[str, np.ndarray]) -> tuple[float, bool, bool, dict[str, Any]]:
        """One control step: reward, terminated, truncated, info (with ``success`` and ``time_s``)."""

    def close(self) -> None:
        """Frees what the world holds."""
