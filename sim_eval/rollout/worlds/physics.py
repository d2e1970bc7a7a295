"""A closed loop's world in physics: ``CosmosPolicy/Robosuite-v0``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sim_eval.rollout.worlds.base import World

if TYPE_CHECKING:
    from sim_eval.physics.demonstration import Frame
    from sim_eval.physics.gymnasium_environment import RobosuiteEnvironment


class WorldInPhysics(World):
    """environment: without Gymnasium's wrappers, which look at every step. records: whether :attr:`rows` are kept."""

    def __init__(self, environment: RobosuiteEnvironment, *, records: bool = False) -> None:
        self.environment = environment
        self.robot, self.time_limit_s = environment.embodiment, environment.time_limit_s
        self.rows: list[Frame] = []
        """What was measured, seen and then commanded at every control step of the episode, if it is to be recorded."""
        self._records, self._films = records, False
        self._frames: list[np.ndarray] = []
        self._seen: Mapping[str, Mapping[str, np.ndarray]] | None = None

    @property
    def instruction(self) -> str:
        return self.environment.instruction

    def reset(self, seed: int, *, film: bool = False) -> None:
        self._films, self._frames, self.rows = film, [], []
        self._seen, _ = self.environment.reset(seed=seed)
        self._film()

    def observe(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        if self._seen is None:
            self._seen = self.environment.observe()
        return self._seen

    def hold(self) -> Mapping[str, np.ndarray]:
        return self.environment.hold()

    def pick(self, chunk: Mapping[str, np.ndarray], row: int) -> Mapping[str, np.ndarray]:
        return self.environment.commands.pick(chunk, row)

    def step(self, action: Mapping[str, np.ndarray]) -> tuple[bool, bool]:
        scene = self.environment.physics
        before = (scene.state(), self.observe()["images"]) if self._records else None
        _, terminated, truncated, info = self.environment.step_blind(action)
        self._seen = None
        if before is not None:
            self.rows.append((*before, scene.command_in_force))
        self._film()
        return bool(info["success"]), terminated or truncated

    def footage(self) -> np.ndarray:
        return np.stack(self._frames)

    def write_dataset(self, folder: Path, instruction: str) -> int:
        from sim_eval.physics.recording.recorder import EpisodeRecorder

        with EpisodeRecorder(folder, self.environment.physics) as recorder:
            return recorder.record(self.rows, instruction)

    def facts(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        self.environment.close()

    def _film(self) -> None:
        if self._films:
            self._frames.append(self.robot.compose(self.observe()["images"]))
