"""How the episodes of a run are played on this machine: one after the other, or several worlds at once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.rollout.apart import play_apart
from sim_eval.rollout.episode import Task
from sim_eval.rollout.playing import Job, play_alone
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.together import play_together


def play_here(
    settings: RolloutSettings,
    task: Task,
    model: WorldActionModel,
    imaginer: WorldActionModel | None,
    jobs: Sequence[Job],
) -> Iterator[dict[str, Any]]:
    """The records of the episodes, in the order in which they end. imaginer: who imagines worlds; None in physics."""
    if settings.environments == 1:
        return play_alone(settings, task, model, jobs, imaginer)
    if imaginer is None:
        return play_apart(settings, task, model, jobs)
    return play_together(settings, task, model, jobs, imaginer)
