"""Recorded actions in a model's place: a robot can be rehearsed without a GPU, and every command is known beforehand.

An observation is answered with the recorded actions that follow the recorded state nearest to it. Where several rows in
a run are equally near (the robot rests), the last of them is taken, so that the replay never stands still for ever;
past the episode's end the robot is told to stay. The same request gives the same answer, as with any model.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

import embodiments
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import ActionChunk, PolicyRequest, Sampling
from cosmos_policy.wire.contract import required_state
from cosmos_policy.world_action_model import ModelInfo, WorldActionModel
from embodiments.datasets import layout_for
from embodiments.trajectory import Trajectory

#: States that differ by less than this share of the recording's range count as the same.
SAME = 1e-3
#: Nothing is sampled; the fields are filled because a model's contract has them.
NO_SAMPLING = Sampling(num_inference_steps=1, guidance_scale=1.0, flow_shift=1.0, resolution_tier=256)


def load(dataset: str, embodiment: str, episode: int = 0) -> WorldActionModel:
    """The recorded actions of one episode of the LeRobot v3 dataset in the folder `dataset`."""
    return ReplayModel(Path(dataset), embodiments.get(embodiment), episode)


class ReplayModel(WorldActionModel):
    """Answers `policy` from a recording; the other calls need a model and say so."""

    def __init__(self, folder: Path, embodiment: embodiments.Embodiment, episode: int):
        self._embodiment = embodiment
        table, fps = read_episode(folder, episode)
        layout = layout_for(
            embodiment.dataset_layouts, {name: {"shape": rows.shape[1:]} for name, rows in table.items()}
        )
        if fps != embodiment.fps:
            raise UsageError(
                f"The dataset was recorded at {fps:g} Hz, but {embodiment.name} runs at {embodiment.fps:g} Hz; replay "
                "one that was recorded at the robot's rate."
            )
        self._trajectory = layout.trajectory(table)
        self._states = self._anchors()
        span = np.ptp(self._states, axis=0)
        self._scale = np.where(span > 1e-9, span, 1.0)
        self.info = ModelInfo(
            checkpoint=f"replay of {folder.name}, episode {episode}",
            revision=hashlib.sha256(self._states.tobytes()).hexdigest()[:16],
            engine="recorded actions",
            device="cpu",
            dtype="float64",
            sampling=NO_SAMPLING,
            versions={"cosmos-policy": metadata.version("cosmos-policy")},
            notes=("No model runs: recorded actions are served, whatever the cameras see.",),
        )

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """Nothing is sampled."""
        return NO_SAMPLING

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        return [self._answer(request) for request in requests]

    def _run_inverse_dynamics(self, requests: Sequence[Any]) -> list[ActionChunk]:
        raise UsageError("This server replays recorded actions; inverse dynamics needs one that runs a model.")

    def _run_forward_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        raise UsageError("This server replays recorded actions; forward dynamics needs one that runs a model.")

    def _answer(self, request: PolicyRequest) -> ActionChunk:
        started = time.perf_counter()
        robot, observation = self._embodiment, request.observation
        if request.video:
            raise UsageError("This server replays recorded actions; it expects no frames. Ask without video.")
        if not observation.state:
            raise UsageError("A replay is found by the robot's state; the observation has none.")
        steps = request.chunk_size or robot.chunk_size
        start = self._nearest(observation.state)
        unified = robot.encode(self._window(start, steps))
        dt = 1.0 / robot.fps
        return ActionChunk(
            model=robot.normalize(unified).astype(np.float32),
            unified=unified,
            commands=robot.decode(unified, observation.state),
            dt=dt,
            stamp=observation.stamp,
            valid_until=observation.stamp + steps * dt,
            timing={"total": 1e3 * (time.perf_counter() - started)},
            info={
                "embodiment": robot.name,
                "checkpoint": self.info.checkpoint,
                "normalizer": robot.normalizer.describe(),
                "seed": request.seed,
                "recorded_row": start,
            },
        )

    def _anchors(self) -> np.ndarray:
        """[rows, numbers]: the recorded states that an observation is compared with."""
        states = self._trajectory.states
        self._compared = [field.name for field in required_state(self._embodiment) if field.name in states]
        if not self._compared:
            raise UsageError(f"The dataset records no state of {self._embodiment.name} to find a place by.")
        return np.concatenate([np.asarray(states[name]).reshape(len(states[name]), -1) for name in self._compared], 1)

    def _nearest(self, state: Mapping[str, np.ndarray]) -> int:
        here = np.concatenate([np.asarray(state[name], dtype=np.float64).reshape(-1) for name in self._compared])
        distance = np.linalg.norm((self._states - here) / self._scale, axis=1)
        row = int(distance.argmin())
        while row + 1 < len(distance) and distance[row + 1] <= distance[row] + SAME:
            row += 1
        return row

    def _window(self, start: int, steps: int) -> Trajectory:
        """Rows `start` to `start + steps`; beyond the end the last row stays."""
        rows = np.minimum(np.arange(start, start + steps + 1), len(self._states) - 1)
        held = {name: np.asarray(values)[rows] for name, values in self._trajectory.states.items()}
        return Trajectory(held, {name: np.asarray(values)[rows] for name, values in self._trajectory.commands.items()})


def read_episode(folder: Path, episode: int) -> tuple[dict[str, np.ndarray], float]:
    """feature -> [rows, width] of the numbers of one episode, and the recording's rate (Hz)."""
    try:
        import pyarrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise UsageError("Replaying a dataset needs pyarrow: install cosmos-policy[evaluation].") from None
    facts = folder / "meta" / "info.json"
    if not facts.is_file():
        raise UsageError(f"{folder} is no LeRobot dataset: meta/info.json is missing.")
    try:
        fps = float(json.loads(facts.read_text())["fps"])
        files = sorted((folder / "data").rglob("*.parquet"))
        tables = [parquet.read_table(file, filters=[("episode_index", "==", episode)]) for file in files]
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        raise Failure(f"The dataset {folder} cannot be read: {str(error)[:200]}.") from None
    rows = [table for table in tables if table.num_rows]
    if not rows:
        raise UsageError(f"{folder} has no episode {episode}.")
    table = pyarrow.concat_tables(rows).sort_by("frame_index")
    return {name: values for name in table.column_names if (values := _numbers(table[name])) is not None}, fps


def _numbers(column: Any) -> np.ndarray | None:
    """[rows, width] float64; None for what holds no numbers."""
    values = np.asarray(column.to_pylist(), dtype=object)
    try:
        numbers = np.asarray(values.tolist(), dtype=np.float64)
    except (TypeError, ValueError):
        return None
    return numbers[:, None] if numbers.ndim == 1 else numbers
