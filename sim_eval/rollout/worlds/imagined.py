"""A closed loop's world in imagination: ``CosmosPolicy/WorldModel-v0``, one control step at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.datasets.writing import Row, fitting_layout, write
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Observation
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from embodiments.commands import command_fields, present
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.worlds.base import World
from sim_eval.rollout.worlds.beginnings import Beginnings
from sim_eval.world_model.stops import within_stops


class WorldInImagination(World):
    """beginnings: how episodes begin. imaginer: who rolls the world forward. Rewards that look at frames are asked when
    the policy looks, and not in between: both then see the same frame, and one call of the model makes it."""

    def __init__(self, settings: RolloutSettings, beginnings: Beginnings, imaginer: WorldActionModel) -> None:
        import gymnasium

        import sim_eval  # noqa: F401 (registers the environment)
        from sim_eval.world_model.one_action import OneActionAtATime

        wanted = settings.imagination
        limit = settings.time_limit_s or beginnings.time_limit_s
        if limit is None:
            raise UsageError("Nothing ends an imagined episode that does not succeed: give --time-limit-s.")
        self.robot, self.time_limit_s = beginnings.robot, float(limit)
        if settings.record:
            _require_layout(self.robot)
        self._beginnings = beginnings
        environment = gymnasium.make(
            "CosmosPolicy/WorldModel-v0",
            checkpoint=imaginer,
            embodiment=beginnings.robot,
            frame_size=beginnings.frame_size,
            chunk_size=wanted.chunk_size,
            sampling=wanted.sampling,
            rewards=wanted.rewards,
            time_limit_s=self.time_limit_s,
            disable_env_checker=True,
        )
        self._world = OneActionAtATime(environment.unwrapped, judged_every=settings.execution_horizon)
        self._instruction, self._origin, self._stopped = "", "", 0
        self._records = settings.record
        self._told: list[tuple[Mapping[str, np.ndarray], Mapping[str, np.ndarray]]] = []
        """Where the robot was, and what it was then told, at every control step, if they are to be recorded."""
        self._info: Mapping[str, Any] = {}

    @property
    def instruction(self) -> str:
        return self._instruction

    def reset(self, seed: int, *, film: bool = False) -> None:
        start = self._beginnings.begin(seed)
        self._instruction, self._origin, self._stopped = start.instruction, start.origin, 0
        self._told = []
        self._world.keeps_footage = film or self._records
        options = {"image": start.frame, "state": dict(start.state), "instruction": start.instruction}
        _, self._info = self._world.reset(seed=seed, options=options)

    def observe(self) -> Mapping[str, Mapping[str, np.ndarray]]:
        return self._world.observe()

    def hold(self) -> Mapping[str, np.ndarray]:
        return self._world.hold()

    def pick(self, chunk: Mapping[str, np.ndarray], row: int) -> Mapping[str, np.ndarray]:
        return self._world.commands.pick(chunk, row)

    def step(self, action: Mapping[str, np.ndarray]) -> tuple[bool, bool]:
        within, stopped = within_stops(self.robot, action)
        self._stopped += stopped
        if self._records:
            self._told.append((self._world.state, within))
        _, terminated, truncated, self._info = self._world.step_blind(within)
        return bool(self._info["success"]), terminated or truncated

    def footage(self) -> np.ndarray:
        return self._world.footage()

    def write_dataset(self, folder: Path, instruction: str) -> int:
        """The frames are imagined, and the robot is where its commands have put it: nothing of it was measured."""
        rows = [
            Row(Observation(_views(self.robot, frame), state, step * self.period_s), command, instruction)
            for step, (frame, (state, command)) in enumerate(zip(self.footage()[:-1], self._told, strict=True))
        ]
        return write(folder, [rows], self.robot)[1]

    def facts(self) -> dict[str, Any]:
        """start: where it began. stopped_steps: control steps whose command lay beyond what the robot can do.
        verdicts: the last word of each reward. drift: of the last frame."""
        return {
            "start": self._origin,
            "stopped_steps": self._stopped,
            "verdicts": {
                name: {key: _plain(value) for key, value in said.items()}
                for name, said in self._info["rewards"].items()
                if said
            },
            "drift": self._world.drift(),
        }

    def close(self) -> None:
        self._world.close()
        self._beginnings.close()


def _require_layout(robot: Embodiment) -> None:
    """A ``UsageError`` where what is known of an imagined robot fills none of its dataset layouts."""
    known = present(robot, robot.example_observation()["state"])
    fitting_layout(robot, known, [field.name for field in command_fields(robot)])


def _views(robot: Embodiment, frame: np.ndarray) -> dict[str, np.ndarray]:
    """The views of a composed frame; an odd last row or column is repeated, for H.264 wants even sizes."""
    views = robot.split(frame)
    return {
        name: np.pad(view, ((0, view.shape[0] % 2), (0, view.shape[1] % 2), (0, 0)), mode="edge")
        for name, view in views.items()
    }


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
