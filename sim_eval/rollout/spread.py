"""Roll-outs spread over a Ray cluster: every worker has worlds and a model, and is given episodes."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cosmos_policy.cluster.spreading import Spread, Workers, threads_here, use_threads
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import ModelInfo
from sim_eval.rollout.apart import play_apart
from sim_eval.rollout.episode import Episode, Task, play
from sim_eval.rollout.opening import open_model
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.worlds import open_world


class RolloutWorker:
    """In a process of its own, somewhere: a world, and a model or a connection to a server."""

    def __init__(self, settings: RolloutSettings, threads: int):
        use_threads(threads)
        self._settings = settings
        self._opened = contextlib.ExitStack()
        self._world = self._opened.enter_context(open_world(settings))
        self._model = self._opened.enter_context(open_model(settings))

    def facts(self) -> tuple[ModelInfo, int, Sampling]:
        """What the run's own record says of the model."""
        robot = self._world.embodiment
        chunk_size = self._model.embodiment_for(robot).chunk_size
        return self._model.info, chunk_size, self._model.sampling_for(robot, self._settings.sampling)

    def work(self, asked: Sequence[tuple[Task, int]]) -> Iterator[tuple[int, Episode]]:
        """(place, episode) of each number; several worlds at once where the settings say so."""
        task, settings = asked[0][0], self._settings
        places = {number: place for place, (_, number) in enumerate(asked)}
        if settings.environments > 1:
            played: Iterator[Episode] = play_apart(settings, task, self._model, list(places))
        else:
            played = (play(self._world, self._model, task, number, film=number < settings.videos) for number in places)
        for episode in played:
            yield places[episode.record["episode"]], episode


@dataclass(frozen=True)
class SpreadModel:
    """The workers' model, as far as a run has to know it."""

    workers: Workers
    info: ModelInfo
    chunk_size: int
    sampling: Sampling

    def embodiment_for(self, embodiment: Any) -> Any:
        """With the chunk size that the checkpoint has there."""
        return SimpleNamespace(chunk_size=self.chunk_size)

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """That of the run; every worker fills it in alike."""
        return self.sampling

    def play(self, task: Task, numbers: Sequence[int], at_once: int) -> Iterator[Episode]:
        """The episodes, in the order in which they end. at_once: worlds of one worker."""
        asked = [(task, number) for number in numbers]
        yield from self.workers.results([asked[at : at + at_once] for at in range(0, len(asked), at_once)])


@contextlib.contextmanager
def open_spread(settings: RolloutSettings, spread: Spread) -> Iterator[SpreadModel]:
    """Workers with their worlds and models. Raises ``UsageError`` or ``Failure`` where they cannot be had."""
    path = Path(settings.checkpoint)
    told = replace(settings, checkpoint=str(path.resolve()) if path.exists() else settings.checkpoint)
    with Workers(spread, RolloutWorker, told, threads_here()) as workers:
        info, chunk_size, sampling = workers.ask("facts")
        if info.checkpoint == told.checkpoint:  # by the name that was given here
            info = replace(info, checkpoint=settings.checkpoint)
        yield SpreadModel(workers, info, chunk_size, sampling)
