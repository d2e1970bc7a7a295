"""Episodes as the robot knows them: states, commands and composed frames, read through LeRobotDataset with PyAV."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.datasets.binding import Binding
from cosmos_policy.datasets.source import DatasetSource
from cosmos_policy.errors import Failure, UsageError
from embodiments import Trajectory

#: DROID writes its three annotations of an episode into one task text, with this between them.
TASK_SEPARATOR = " | "
#: Windows of decoded frames that are kept in memory; one of three 640x360 views and 16 actions is 35 MB.
WINDOWS_KEPT = 2


@dataclass(frozen=True, eq=False)
class Episode:
    """One recorded episode at the rate of the replay, N frames.

    trajectory: N rows of states and commands. actions: unified, float64 [N-1, D].
    """

    index: int
    trajectory: Trajectory
    actions: np.ndarray

    @property
    def num_frames(self) -> int:
        return len(self.actions) + 1


def task_text(text: str) -> str:
    """The instruction in a dataset's task text: where several are joined by `` | `` the first that says something."""
    return next((part.strip() for part in text.split(TASK_SEPARATOR) if part.strip(" |")), "")


class Recording:
    """The chosen episodes of one dataset, bound to one robot.

    Raises :class:`UsageError` where LeRobot refuses the dataset, :class:`Failure` where a file cannot be read.
    """

    def __init__(
        self,
        source: DatasetSource,
        binding: Binding,
        embodiment: Any,
        episodes: tuple[int, ...],
        chunk_size: int,
        windows_kept: int = WINDOWS_KEPT,
    ) -> None:
        self.binding = binding
        self.embodiment = embodiment
        self._windows = _open(source, binding, episodes, chunk_size)
        self._instants = _open(source, binding, episodes, 0)
        self._kept: dict[tuple[int, int], list[dict[str, np.ndarray]]] = {}
        self._windows_kept = windows_kept
        self._reading = threading.Lock()  # a decoder serves one thread at a time
        columns = [*binding.layout.table_features, "episode_index", "task_index"]
        table = self._instants.hf_dataset.select_columns(list(dict.fromkeys(columns))).with_format("numpy")[:]
        self._columns: dict[str, np.ndarray] = {name: np.asarray(values) for name, values in table.items()}
        rows = self._columns["episode_index"]
        self._rows = {episode: np.flatnonzero(rows == episode)[:: binding.frame_step] for episode in episodes}

    def episode(self, index: int) -> Episode:
        """States, commands and encoded actions of one episode; its frames are read by :meth:`views`."""
        rows = self._rows[index]
        if len(rows) < 2:
            raise UsageError(f"Episode {index} has {len(rows)} frame(s); a replay needs at least 2.")
        trajectory = self.binding.layout.trajectory({name: values[rows] for name, values in self._columns.items()})
        return Episode(index, trajectory, self.embodiment.encode(trajectory))

    def task(self, episode: int) -> str:
        """The episode's instruction, "" where the dataset has none."""
        tasks = self._instants.meta.tasks
        number = self._columns["task_index"][self._rows[episode][0]]
        return task_text(str(tasks.index[tasks["task_index"] == number][0]))

    def views(self, episode: int, start: int) -> list[dict[str, np.ndarray]]:
        """The views of frames start..start+chunk_size, one dict (view -> uint8 [H, W, 3]) a frame.

        The last few answers are kept: a call asks for its window twice, before and after the model. Several threads
        may ask.
        """
        with self._reading:
            if (episode, start) not in self._kept:
                while len(self._kept) >= self._windows_kept:  # the oldest goes
                    del self._kept[next(iter(self._kept))]
                self._kept[episode, start] = self._read(self._windows, episode, start)
            return self._kept[episode, start]

    def view(self, episode: int, start: int) -> dict[str, np.ndarray]:
        """The views of one frame; nothing after it is decoded."""
        with self._reading:
            return self._read(self._instants, episode, start)[0]

    def _read(self, dataset: Any, episode: int, start: int) -> list[dict[str, np.ndarray]]:
        try:
            item = dataset[int(self._rows[episode][start])]
        except Exception as error:  # PyAV, LeRobot's timestamps, a truncated file: all mean the same to the user
            raise Failure(
                f"The frames of episode {episode} from {start} on cannot be read ({_first_line(error)}); check the "
                "video files of the dataset."
            ) from error
        cameras = {camera: _pixels(item[camera]) for camera in self.binding.cameras}
        blank = np.zeros_like(next(iter(cameras.values())))
        sources = {view: blank if camera is None else cameras[camera] for view, camera in self.binding.views.items()}
        return [{view: frames[row] for view, frames in sources.items()} for row in range(len(blank))]

    def frames(self, episode: int, start: int) -> np.ndarray:
        """The composed frames start..start+chunk_size, uint8 [chunk_size+1, H, W, 3]."""
        return np.stack([self.embodiment.compose(views) for views in self.views(episode, start)])

    def shown_region(self, views: Mapping[str, np.ndarray]) -> np.ndarray:
        """A composed frame, uint8 [H, W, 3], that is white where a camera shows and black where a view is blank."""
        masks = {
            view: np.full_like(image, 0 if self.binding.views[view] is None else 255) for view, image in views.items()
        }
        return self.embodiment.compose(masks)


def _open(source: DatasetSource, binding: Binding, episodes: tuple[int, ...], horizon: int) -> Any:
    """The dataset, each of whose items holds the cameras' frames at its own instant and the `horizon` after it."""
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    seconds = [step / binding.fps for step in range(horizon + 1)]
    try:
        return LeRobotDataset(
            source.repository or f"local/{source.root.name}",
            root=None if source.repository else source.root,
            revision=source.revision,
            episodes=list(episodes),
            delta_timestamps=dict.fromkeys(binding.cameras, seconds),
            video_backend="pyav",
            return_uint8=True,
        )
    except Exception as error:  # LeRobot's own refusals have no common class
        raise UsageError(
            f"LeRobot refuses {source.name}: {_first_line(error)}; check it with LeRobotDataset, or record it again "
            "with LeRobot 0.6."
        ) from error


def _pixels(stack: Any) -> np.ndarray:
    """uint8 [T, H, W, 3] from LeRobot's [T, 3, H, W]: uint8 from videos, 0..1 floats from single images.

    LeRobot drops the first axis of a video's frames where T is 1.
    """
    frames = stack.numpy()
    frames = frames[None] if frames.ndim == 3 else frames
    if frames.dtype != np.uint8:
        frames = np.rint(frames * 255.0).clip(0, 255).astype(np.uint8)
    return np.ascontiguousarray(frames.transpose(0, 2, 3, 1))


def _first_line(error: Exception) -> str:
    text = str(error).strip()
    return text.splitlines()[0] if text else type(error).__name__
