"""Starts from the frames of a LeRobot dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from sim_eval.world_model.starts.base import Place, Start, StartSource


class RecordedStart(StartSource):
    """``options={"episode": 3, "frame": 17}``; either that is left out is drawn, evenly.

    dataset: a folder or hub id. episodes, camera_map, missing_views, fps: as in ``cosmos-policy replay``.
    """

    options = ("episode", "frame")
    marks = options

    def __init__(
        self,
        dataset: str,
        embodiment: Embodiment,
        *,
        episodes: str | None = None,
        camera_map: Mapping[str, str] | None = None,
        missing_views: str = "refuse",
        fps: float | None = None,
    ) -> None:
        from cosmos_policy.datasets.opening import open_dataset
        from cosmos_policy.datasets.recording import Recording

        opened = open_dataset(
            dataset, embodiment, episodes=episodes, camera_map=camera_map, missing_views=missing_views, fps=fps
        )
        self.embodiment = replace(embodiment, fps=opened.embodiment.fps)
        self._name = opened.source.name
        self.episodes = opened.episodes
        self._recording = Recording(opened.source, opened.binding, self.embodiment, opened.episodes, 0)

    def open(self, options: Mapping[str, Any], place: Place, generator: np.random.Generator) -> Start:
        index = self._chosen(options, generator)
        episode = self._recording.episode(index)
        last = episode.num_frames - 1
        frame = options.get("frame")
        if frame is None:
            frame = int(generator.integers(last + 1))
        elif not isinstance(frame, Integral) or not 0 <= frame <= last:
            raise UsageError(f"options['frame'] is {frame!r}; episode {index} of {self._name} has frames 0 to {last}.")
        return Start(
            place.embodiment.compose(self._recording.view(index, int(frame))),
            episode.trajectory.state_at(int(frame)),
            self._recording.task(index),
            f"frame {int(frame)} of episode {index} of {self._name}",
        )

    def _chosen(self, options: Mapping[str, Any], generator: np.random.Generator) -> int:
        wanted = options.get("episode")
        if wanted is None:
            return self.episodes[int(generator.integers(len(self.episodes)))]
        if not isinstance(wanted, Integral) or wanted not in self.episodes:
            known = ", ".join(map(str, self.episodes[:8])) + (", ..." if len(self.episodes) > 8 else "")
            raise UsageError(f"options['episode'] is {wanted!r}; the episodes of {self._name} here are {known}.")
        return int(wanted)
