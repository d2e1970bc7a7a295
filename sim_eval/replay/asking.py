"""From windows to result records: what is asked, of whom, and how the answers are measured."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.replay.batches import batches, read_ahead
from sim_eval.replay.calls import CALLS
from sim_eval.replay.calls.base import Scene
from sim_eval.replay.plan import Window
from sim_eval.replay.prepare import Preparation
from sim_eval.results.store import ResultStore

#: Episodes whose states and actions are kept in memory; batches run over episodes.
SCENES_KEPT = 64
#: Windows of a batch whose frames are kept: this one's, and those of the one that is read meanwhile.
WINDOWS_PER_BATCH = 2


class Scenes:
    """The scenes of the episodes that are being asked about; the last few are kept. Two threads may ask."""

    def __init__(self, preparation: Preparation, sampling: Sampling, store: ResultStore, samples: int) -> None:
        self._preparation, self._sampling, self._store, self._samples = preparation, sampling, store, samples
        self._kept: dict[int, Scene] = {}
        self._making = threading.Lock()

    def scene(self, episode: int) -> Scene:
        """The scene of an episode; what the robot did in it is kept in the store."""
        with self._making:
            if episode not in self._kept:
                while len(self._kept) >= SCENES_KEPT:  # the oldest goes
                    del self._kept[next(iter(self._kept))]
                preparation = self._preparation
                scene = Scene(
                    preparation.embodiment,
                    preparation.recording,
                    preparation.recording.episode(episode),
                    preparation.instructions[episode],
                    self._sampling,
                    self._store.folder,
                    self._samples,
                )
                self._store.keep_episode(episode, scene.episode.actions, scene.episode.trajectory.state_at(0))
                self._kept[episode] = scene
            return self._kept[episode]


def ask_windows(
    scenes: Scenes, windows: Sequence[Window], model: WorldActionModel, batch_size: int
) -> Iterator[dict[str, Any]]:
    """The result record of each window, as they come; the next batch is read while the model is at work."""

    def read(batch: Sequence[Window]) -> tuple[list[Any], float]:
        """The requests of a batch, and the milliseconds that each took to read."""
        started = time.perf_counter()
        requests = [CALLS[window.call].request(scenes.scene(window.episode), window) for window in batch]
        return requests, 1e3 * (time.perf_counter() - started) / len(batch)

    for batch, (requests, read_ms) in read_ahead(batches(windows, batch_size), read):
        yield from _ask_batch(scenes, batch, requests, read_ms, model)


def _ask_batch(
    scenes: Scenes, batch: Sequence[Window], requests: Sequence[Any], read_ms: float, model: WorldActionModel
) -> Iterator[dict[str, Any]]:
    """The result records of windows of one call."""
    call = CALLS[batch[0].call]
    answers = call.ask(model, requests)
    for window, request, answer in zip(batch, requests, answers, strict=True):
        yield {
            "call": window.call,
            "episode": window.episode,
            "start": window.start,
            "horizon": window.horizon,
            "seed": window.seed,
            **call.measure(scenes.scene(window.episode), window, request, answer),
            "timing_ms": {"read": read_ms, **{stage: float(value) for stage, value in answer.timing.items()}},
        }
