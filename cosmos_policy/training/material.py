"""What a run works on, and what is known before its first step."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml
from pydantic import TypeAdapter

import embodiments
from cosmos_policy.checkpoints import Checkpoint, resolve_checkpoint
from cosmos_policy.inputs import prompt_facts
from cosmos_policy.training.base import Base, base_of
from cosmos_policy.training.data.assembling import FORMATS, Split, split
from cosmos_policy.training.data.normalizing import conforming
from cosmos_policy.training.data.prepared import PreparedDataset
from cosmos_policy.training.data.recorded import SETTLED, prepare
from cosmos_policy.training.settings import TrainSettings
from embodiments import Embodiment, Trajectory

#: told (what is being done, how much is done, of how much)
Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, eq=False)
class Material:
    """Prepared datasets (in the settings' order), their split, and the checkpoint that the run starts from."""

    prepared: tuple[PreparedDataset, ...]
    splits: tuple[Split, ...]
    base: Base


def prepare_all(settings: TrainSettings, folder: Path, tell: Progress) -> tuple[PreparedDataset, ...]:
    """All datasets, read, checked and prepared in `folder`; what does not fit is refused here."""
    start: Checkpoint | None = None
    if settings.base is not None:
        start = resolve_checkpoint(settings.base, like=settings.like)

    def check(robot: Embodiment, trajectories: Sequence[Trajectory], what: str) -> None:
        if settings.part == "transformer":  # an autoencoder sees no action
            conforming(robot, trajectories, settings.normalizer, start, what)

    tier = None if start is None else start.card.sampling.resolution_tier
    return tuple(
        prepare(each, tier, folder, check, lambda done, of: tell("preparing episodes", done, of))
        for each in settings.datasets
    )


def write_prepared_settings(settings: TrainSettings, prepared: Sequence[PreparedDataset], output: Path) -> Path:
    """``output / "prepared.yaml"``: the same run on the prepared datasets, for a machine that has nothing else."""
    content = json.loads(TypeAdapter(TrainSettings).dump_json(settings, exclude_none=True))
    for each, dataset in zip(content["datasets"], prepared, strict=True):
        each["path"] = dataset.folder.as_posix()
        for settled in SETTLED:  # these are in the prepared episodes now, and nowhere else
            each.pop(settled, None)
    path = output / "prepared.yaml"
    path.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    return path


def material_of(settings: TrainSettings, prepared: Sequence[PreparedDataset], output: Path) -> Material:
    """Split the datasets, and find the base (or write the random one of a new architecture into `output`)."""
    splits = tuple(split(dataset, each.held_out) for dataset, each in zip(prepared, settings.datasets, strict=True))
    return Material(tuple(prepared), splits, base_of(settings, _prompts(prepared), output))


def _prompts(prepared: Sequence[PreparedDataset]) -> list[str]:
    """The prompts of all tasks, in both formats: what a new tokenizer is trained on."""
    prompts: dict[str, None] = {}
    for dataset in prepared:
        robot = embodiments.get(dataset.embodiment)
        canvas = (dataset.fit.canvas_height, dataset.fit.canvas_width)
        for task in {facts.task for facts in dataset.episodes}:
            facts = prompt_facts(robot, task, robot.chunk_size + 1, canvas)
            prompts |= dict.fromkeys(write(facts) for write in FORMATS.values())
    return sorted(prompts)
