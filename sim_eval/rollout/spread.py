"""Roll-outs spread over a Ray cluster: every worker has worlds and models, and is given episodes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from cosmos_policy.cluster.spreading import Spread, Workers, threads_here, use_threads
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import ModelInfo
from sim_eval.rollout.dataset import part_of
from sim_eval.rollout.episode import Task
from sim_eval.rollout.models import open_models
from sim_eval.rollout.playing import Job, OneWorld, play_in
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.ways import play_here
from sim_eval.rollout.worlds import open_world, robot_of


@dataclass(frozen=True)
class Played:
    """An episode that was played elsewhere: its record, and what is kept of it (path inside the output -> content)."""

    record: dict[str, Any]
    files: dict[str, bytes]

    def keep(self, output: Path) -> dict[str, Any]:
        """Writes the files where the run wants them; returns the record."""
        for name, content in self.files.items():
            path = output / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return self.record


@dataclass(frozen=True)
class Facts:
    """What the run's own record says of the workers' models."""

    info: ModelInfo
    imaginer: ModelInfo | None
    chunk_size: int
    sampling: Sampling


class RolloutWorker:
    """In a process of its own, somewhere: a world, and models or connections to servers."""

    def __init__(self, settings: RolloutSettings, threads: int):
        use_threads(threads)
        self._settings = settings
        self._opened = contextlib.ExitStack()
        self._model, self._imaginer = open_models(settings, self._opened)
        self._worlds = self._opened.enter_context(OneWorld(lambda group: open_world(settings, group, self._imaginer)))

    def facts(self) -> Facts:
        robot = robot_of(self._settings)
        return Facts(
            self._model.info,
            None if self._imaginer is None else self._imaginer.info,
            self._model.embodiment_for(robot).chunk_size,
            self._model.sampling_for(robot, self._settings.sampling),
        )

    def work(self, asked: Sequence[tuple[Task, Job]]) -> Iterator[tuple[int, Played]]:
        """(place, episode) of each job; several worlds at once where the settings say so."""
        task = asked[0][0]
        places = {job: place for place, (_, job) in enumerate(asked)}
        with tempfile.TemporaryDirectory() as folder:
            settings = replace(self._settings, output=Path(folder))
            if settings.environments == 1:
                records = play_in(self._worlds, settings, task, self._model, list(places))
            else:
                records = play_here(settings, task, self._model, self._imaginer, list(places))
            for record in records:
                job = Job(record["task"], record["episode"])
                yield places[job], Played(record, _files_of(settings.output, record, job))


def _files_of(output: Path, record: dict[str, Any], job: Job) -> dict[str, bytes]:
    """The films and the recorded part of an episode; other worlds may be writing theirs."""
    films = [output / record[name] for name in ("video", "video_told") if name in record]
    part = part_of(output, job.name)
    recorded = [path for path in sorted(part.rglob("*")) if path.is_file()] if part.is_dir() else []
    return {str(path.relative_to(output)): path.read_bytes() for path in [*films, *recorded]}


@dataclass(frozen=True)
class SpreadModel:
    """The workers' models, as far as a run has to know them."""

    workers: Workers
    facts: Facts

    @property
    def info(self) -> ModelInfo:
        return self.facts.info

    @property
    def imaginer(self) -> Any:
        """What is known of who imagines; None in physics."""
        return None if self.facts.imaginer is None else SimpleNamespace(info=self.facts.imaginer)

    def embodiment_for(self, embodiment: Any) -> Any:
        """With the chunk size that the checkpoint has there."""
        return SimpleNamespace(chunk_size=self.facts.chunk_size)

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """That of the run; every worker fills it in alike."""
        return self.facts.sampling

    def play(self, settings: RolloutSettings, task: Task, jobs: Sequence[Job]) -> Iterator[dict[str, Any]]:
        """The records, in the order in which episodes end; what is kept of them is then in ``settings.output``."""
        asked, at_once = [(task, job) for job in jobs], settings.environments
        rounds = [asked[at : at + at_once] for at in range(0, len(asked), at_once)]
        for played in self.workers.results(rounds):
            yield played.keep(settings.output)


@contextlib.contextmanager
def open_spread(settings: RolloutSettings, spread: Spread) -> Iterator[SpreadModel]:
    """Workers with their worlds and models. Raises ``UsageError`` or ``Failure`` where they cannot be had."""
    path = Path(settings.checkpoint)
    told = replace(settings, checkpoint=str(path.resolve()) if path.exists() else settings.checkpoint)
    with Workers(spread, RolloutWorker, told, threads_here()) as workers:
        facts = workers.ask("facts")
        if facts.info.checkpoint == told.checkpoint:  # by the name that was given here
            facts = replace(facts, info=replace(facts.info, checkpoint=settings.checkpoint))
        yield SpreadModel(workers, facts)
