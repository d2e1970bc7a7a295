"""Episodes played one after the other, with everything that is kept of them on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rollout.dataset import keep_part
from sim_eval.rollout.episode import Task, play
from sim_eval.rollout.films import keep_films
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.worlds import World, open_world


@dataclass(frozen=True)
class Job:
    """One episode to play: a group (one of ``settings.groups``) and its number in it."""

    group: str
    number: int

    @property
    def name(self) -> str:
        """Of the episode's files."""
        return f"{self.group}_{self.number:06d}"


class OneWorld(AbstractContextManager):
    """The world that is played in at the moment; another group's opens when it is asked for, and this one closes.

    opens: from a group to its world.
    """

    def __init__(self, opens: Callable[[str], World]) -> None:
        self._opens = opens
        self._group: str | None = None
        self._world: World | None = None

    def of(self, group: str) -> World:
        if group != self._group:
            self.close()
            self._world, self._group = self._opens(group), group
        return self._world

    def close(self) -> None:
        if self._world is not None:
            self._world.close()
            self._world = self._group = None

    def __exit__(self, *_: object) -> None:
        self.close()


def play_alone(
    settings: RolloutSettings,
    task: Task,
    model: WorldActionModel,
    jobs: Sequence[Job],
    imaginer: WorldActionModel | None = None,
) -> Iterator[dict[str, Any]]:
    """The record of each episode, in order."""
    with OneWorld(lambda group: open_world(settings, group, imaginer)) as worlds:
        yield from play_in(worlds, settings, task, model, jobs)


def play_in(
    worlds: OneWorld, settings: RolloutSettings, task: Task, model: WorldActionModel, jobs: Sequence[Job]
) -> Iterator[dict[str, Any]]:
    """The same in worlds that stay open."""
    for job in jobs:
        yield perform(settings, worlds.of(job.group), model, task, job)


def perform(settings: RolloutSettings, world: World, model: WorldActionModel, task: Task, job: Job) -> dict[str, Any]:
    """Plays one episode and keeps what the settings want of it; returns its record, JSON values."""
    episode = play(world, model, task, job.number, film=job.number < settings.videos)
    record = {"task": job.group, **episode.record}
    if episode.frames is not None:
        record |= keep_films(settings.output, job.name, episode, world, task)
    if settings.record:
        record["recorded_frames"] = keep_part(settings.output, job.name, world, episode.record["instruction"])
    return record
