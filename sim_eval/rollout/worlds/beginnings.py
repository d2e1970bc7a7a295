"""How imagined episodes begin: with the first picture of a scene in physics, or with a recorded frame."""

from __future__ import annotations

from abc import ABC, abstractmethod

import embodiments
from cosmos_policy.errors import UsageError
from embodiments import Embodiment
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.world_model.starts.base import Place, Start


class Beginnings(ABC):
    """robot: with no checkpoint's normaliser. frame_size: (height, width) of the composed frames, pixels.
    time_limit_s: of an episode; None where nothing tells."""

    robot: Embodiment
    frame_size: tuple[int, int]
    time_limit_s: float | None

    @abstractmethod
    def begin(self, seed: int) -> Start:
        """How episode number `seed` begins."""

    @abstractmethod
    def close(self) -> None:
        """Frees what it holds. Closing twice is harmless."""


class SimulatedBeginnings(Beginnings):
    """Scene `seed` of a task in physics, as its robot sees it before anything has moved: the scene that a roll-out in
    physics of that seed plays, so that the two can be compared one by one."""

    def __init__(self, settings: RolloutSettings, task: str) -> None:
        from sim_eval.rollout.worlds.opening import open_physics

        self._environment = open_physics(settings, task)
        self.robot, self.time_limit_s = self._environment.embodiment, self._environment.time_limit_s
        width, height = settings.image_size
        self.frame_size = self.robot.view_layout.frame_size(dict.fromkeys(self.robot.views, (height, width)))

    def begin(self, seed: int) -> Start:
        seen, info = self._environment.reset(seed=seed)
        origin = f"scene {seed} of {self._environment.task.name}"
        return Start(self.robot.compose(seen["images"]), seen["state"], info["instruction"], origin)

    def close(self) -> None:
        self._environment.close()


class RecordedBeginnings(Beginnings):
    """Frame ``start_frame`` of the dataset's episodes, one after the other, and from the first again."""

    time_limit_s = None

    def __init__(self, settings: RolloutSettings) -> None:
        from sim_eval.world_model.starts.recorded import RecordedStart

        wanted = settings.imagination
        self._recorded = RecordedStart(
            wanted.dataset,
            embodiments.get(settings.embodiment),
            episodes=wanted.dataset_episodes,
            camera_map=wanted.camera_map,
            missing_views=wanted.missing_views,
        )
        self.robot = self._recorded.embodiment
        self._frame, self._place = wanted.start_frame, Place(self.robot, None)  # no picture is generated
        self._told = settings.instruction is not None
        self.frame_size = self.begin(settings.seed).frame.shape[:2]

    def begin(self, seed: int) -> Start:
        episodes = self._recorded.episodes
        options = {"episode": episodes[seed % len(episodes)], "frame": self._frame}
        start = self._recorded.open(options, self._place, None)
        if not (start.instruction or self._told):
            raise UsageError(
                f"The recording ({start.origin}) tells no task: say with --instruction what is to be done."
            )
        return start

    def close(self) -> None:
        """Nothing is held open."""
