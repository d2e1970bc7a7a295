"""A replay spread over a Ray cluster: every worker has the dataset and a model, and is given episodes."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cosmos_policy
from cosmos_policy.cluster.spreading import Spread, Workers, threads_here, use_threads
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import ModelInfo
from sim_eval.replay.asking import WINDOWS_PER_BATCH, Scenes, ask_windows
from sim_eval.replay.plan import Window
from sim_eval.replay.prepare import prepare
from sim_eval.replay.settings import ReplaySettings
from sim_eval.results.store import ResultStore

#: Where a record names a file that was made with it, and the worker's folder is not the run's.
FILE = "video"


class ReplayWorker:
    """In a process of its own, somewhere: dataset and checkpoint by the same names as where the command was given."""

    def __init__(self, settings: ReplaySettings, batch_size: int, threads: int):
        use_threads(threads)
        self._folder = tempfile.TemporaryDirectory(prefix="replay-")
        self._settings = replace(settings, output=Path(self._folder.name))
        self._batch_size = batch_size
        self._preparation = prepare(self._settings, windows_kept=WINDOWS_PER_BATCH * batch_size)
        how = {name: getattr(settings, name) for name in ("device", "dtype", "revision", "like")}
        self._model = cosmos_policy.load(settings.checkpoint, **how)
        self._sampling = self._model.sampling_for(self._preparation.embodiment, settings.sampling)
        store = ResultStore(self._settings.output)
        self._scenes = Scenes(self._preparation, self._sampling, store, settings.samples)

    def facts(self) -> tuple[ModelInfo, Sampling]:
        """What the run's own record says of the model."""
        return self._model.info, self._sampling

    def work(self, windows: Sequence[Window]) -> Iterator[tuple[int, tuple[dict[str, Any], bytes | None]]]:
        """(place, (record, bytes of the file that it names)) of each window."""
        places = {window.key: place for place, window in enumerate(windows)}
        for record in ask_windows(self._scenes, windows, self._model, self._batch_size):
            made = self._settings.output / record[FILE] if FILE in record else None
            content = None if made is None else made.read_bytes()
            if made is not None:
                made.unlink()
            yield places[record["call"], record["episode"], record["start"]], (record, content)


@dataclass(frozen=True)
class SpreadModel:
    """The workers' model, as far as a run has to know it."""

    workers: Workers
    info: ModelInfo
    sampling: Sampling

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        """That of the run; every worker fills it in alike."""
        return self.sampling

    def ask_windows(self, scenes: Scenes, windows: Sequence[Window], folder: Path) -> Iterator[dict[str, Any]]:
        """The result record of each window, as they come; files that they name are written to `folder`."""
        episodes: dict[int, list[Window]] = {}
        for window in windows:
            episodes.setdefault(window.episode, []).append(window)
        for record, content in self.workers.results(list(episodes.values())):
            scenes.scene(record["episode"])  # what the robot did belongs to the run's folder
            if content is not None:
                path = folder / record[FILE]
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content)
            yield record


@contextlib.contextmanager
def open_spread(settings: ReplaySettings, batch_size: int, spread: Spread) -> Iterator[SpreadModel]:
    """Workers with their models. Raises :class:`UsageError` or :class:`Failure` where they cannot be had."""
    told = replace(settings, **{name: _absolute(getattr(settings, name)) for name in ("dataset", "embodiment")})
    told = replace(told, checkpoint=_absolute(settings.checkpoint))
    with Workers(spread, ReplayWorker, told, batch_size, threads_here()) as workers:
        info, sampling = workers.ask("facts")
        if info.checkpoint == told.checkpoint:  # by the name that was given here
            info = replace(info, checkpoint=settings.checkpoint)
        yield SpreadModel(workers, info, sampling)


def _absolute(name: str) -> str:
    """A path of this machine in full: a worker begins elsewhere. Names and hub ids stay."""
    path = Path(name)
    return str(path.resolve()) if path.exists() else name
