"""From prepared episodes to window groups: which stretches are trained on, and which are kept for evaluation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cosmos_policy.engine.layout import Grid
from cosmos_policy.errors import UsageError
from cosmos_policy.inputs import json_prompt, plain_prompt, prompt_facts
from cosmos_policy.training.data.prepared import EpisodeFacts, PreparedDataset
from cosmos_policy.training.data.windows import Prompts, TextTable, WindowGroup
from cosmos_policy.training.settings import DatasetSettings
from embodiments import Embodiment

FORMATS = {"json": json_prompt, "plain": plain_prompt}


@dataclass(frozen=True, eq=False)
class Split:
    """Indices of the episodes of one dataset."""

    training: tuple[int, ...]
    held_out: tuple[int, ...]


def split(dataset: PreparedDataset, held_out: int) -> Split:
    """Keep `held_out` episodes for evaluation, evenly spread over the dataset, so that all its stretches are there."""
    indices = [facts.index for facts in dataset.episodes]
    if held_out >= len(indices):
        raise UsageError(
            f"{dataset.source} has {len(indices)} episode(s), of which {held_out} would be held out for evaluation; "
            f"nothing is left to train on: set held_out to at most {len(indices) - 1}."
        )
    kept = {indices[int((place + 0.5) * len(indices) / held_out)] for place in range(held_out)} if held_out else set()
    return Split(tuple(index for index in indices if index not in kept), tuple(sorted(kept)))


def places_of(
    dataset: PreparedDataset, episodes: Sequence[int], chunk_size: int, stride: int
) -> tuple[tuple[int, int], ...]:
    """(episode, start) of every window of `chunk_size` actions; a dataset too short for any is refused."""
    facts = {each.index: each for each in dataset.episodes}
    places = [(index, start) for index in episodes for start in range(0, facts[index].actions - chunk_size + 1, stride)]
    if not places:
        longest = max(facts[index].actions for index in episodes)
        raise UsageError(
            f"No episode of {dataset.source} holds {chunk_size} actions (the longest has {longest}); set a smaller "
            "chunk_size, or rest_steps."
        )
    return tuple(places)


def group_of(
    dataset: PreparedDataset,
    robot: Embodiment,
    settings: DatasetSettings,
    places: Sequence[tuple[int, int]],
    latents: Callable[[Sequence[tuple[int, int]], int], object],
    texts: TextTable,
    grid: Grid,
    prompt_format: str,
    history_rows: int,
) -> WindowGroup:
    """The windows at `places` as arrays. latents: (places, chunk size) -> their latents."""
    chunk = settings.chunk_size or robot.chunk_size
    facts = {each.index: each for each in dataset.episodes}
    rows = {
        index: tuple(_padded(robot, numbers, grid.action_width) for numbers in dataset.numbers[index])
        for index in {episode for episode, _ in places}
    }
    prompts = {}
    for place in places:
        episode, start = place
        unified = dataset.numbers[episode][0][start : start + chunk]
        prompts[place] = _prompts(dataset, robot, facts[episode], unified, texts, prompt_format)
    history = np.zeros((len(places), history_rows, grid.action_width), dtype=np.float32)
    for row, (episode, start) in enumerate(places):
        before = rows[episode][0][max(0, start - history_rows) : start]
        history[row, history_rows - len(before) :] = before
    states = [rows[episode][1][start : start + 1] for episode, start in places]
    return WindowGroup(
        name=robot.name,
        columns=robot.action_dim,
        domain=robot.domain_id,
        share=settings.share,
        tier=dataset.tier,
        fps=float(robot.fps),
        grid=grid,
        latents=latents(places, chunk),
        actions=np.stack([rows[episode][0][start : start + chunk] for episode, start in places]),
        state=np.stack(states).repeat(max(robot.state_rows, 1), axis=1),
        history=history,
        reach=np.array([min(start, history_rows) for _, start in places]),
        prompts=[prompts[place] for place in places],
        places=places,
    )


def _padded(robot: Embodiment, unified: np.ndarray, width: int) -> np.ndarray:
    """Model space, float32 [rows, width], from unified actions [rows, D]."""
    model = robot.normalize(unified).astype(np.float32)
    return np.pad(model, ((0, 0), (0, width - model.shape[1])))


def _prompts(
    dataset: PreparedDataset,
    robot: Embodiment,
    facts: EpisodeFacts,
    actions: np.ndarray,
    texts: TextTable,
    prompt_format: str,
) -> Prompts:
    write, fit = FORMATS[prompt_format], dataset.fit
    said = prompt_facts(robot, facts.task, len(actions) + 1, (fit.canvas_height, fit.canvas_width))
    idle = replace(said, idle_frames=robot.count_idle_steps(actions))
    return Prompts(
        texts.number(write(said, "policy")),
        texts.number(write(idle, "policy")),
        texts.number(write(said, "inverse_dynamics")),
    )
