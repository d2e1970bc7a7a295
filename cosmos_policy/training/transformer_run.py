"""Builds the transformer's task from prepared datasets and the base checkpoint."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from cosmos_policy.training import adaptation
from cosmos_policy.training.base import grid_of
from cosmos_policy.training.cards import transformer_card
from cosmos_policy.training.data.assembling import group_of, places_of
from cosmos_policy.training.data.latents import latents_of
from cosmos_policy.training.data.normalizing import robots_of, specs_of
from cosmos_policy.training.data.prepared import PreparedDataset
from cosmos_policy.training.data.windows import TextTable, TrainingData, WindowGroup
from cosmos_policy.training.evaluation import Evaluation, HeldOut
from cosmos_policy.training.export import write_checkpoint
from cosmos_policy.training.flow_matching import FlowMatchingTask
from cosmos_policy.training.material import Material, Progress
from cosmos_policy.training.settings import DatasetSettings, TrainSettings
from cosmos_policy.training.stream import BatchedTransformer
from cosmos_policy.training.task import Task
from cosmos_policy.training.trainer import Outcome
from cosmos_policy.training.whole_video import operations_for
from embodiments import Embodiment

DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
logger = logging.getLogger(__name__)

#: writes the checkpoint into a folder
Finish = Callable[[Path, Outcome], None]


def transformer_run(
    settings: TrainSettings, material: Material, output: Path, device: torch.device, tell: Progress
) -> tuple[Task, Finish]:
    """The task, and what writes its checkpoint when it is done."""
    base = material.base
    pairs = [(dataset, parts.training) for dataset, parts in zip(material.prepared, material.splits, strict=True)]
    robots = robots_of(pairs, settings.normalizer, base.checkpoint)
    for robot in robots.values():
        logger.info("%s: normaliser %s", robot.name, robot.normalizer.describe())
    lora = settings.adaptation.kind == "lora"
    transformer = base.transformer(DTYPES[settings.weights] if lora else torch.float32)
    adaptation.adapt(transformer, settings.adaptation, settings.seed)
    if settings.gradient_checkpointing:
        transformer.enable_gradient_checkpointing()
    network = BatchedTransformer(transformer.to(device))
    windows = _Windows(settings, material, robots, transformer.config, output / "latents", device, tell)
    data = TrainingData(windows.groups(held_out=False), windows.texts)
    kept = TrainingData(windows.groups(held_out=True), windows.texts)
    evaluation = _evaluation(settings, material, windows, network, kept, device)
    numbers = {trained: sum(each.numel() for each in transformer.parameters() if each.requires_grad or not trained)
               for trained in (True, False)}  # fmt: skip
    logger.info(
        "%d windows, %d prompts; %.1f M of %.1f M numbers are trained",
        data.num_windows, len(data.texts.ids), numbers[True] / 1e6, numbers[False] / 1e6,
    )  # fmt: skip
    task = FlowMatchingTask(network, data, settings, device, evaluation)

    def finish(folder: Path, outcome: Outcome) -> None:
        adaptation.merge(transformer)
        card = transformer_card(
            settings, material, outcome, robots, specs_of(robots, settings.normalizer, base.checkpoint)
        )
        write_checkpoint(folder, base, card, dtype=DTYPES[settings.saved], transformer=transformer)

    return task, finish


@dataclass(frozen=True, eq=False)
class _Parts:
    """One dataset's share in making groups."""

    settings: DatasetSettings
    dataset: PreparedDataset
    robot: Embodiment
    training: tuple[int, ...]
    held_out: tuple[int, ...]


class _Windows:
    """Makes the window groups of a run, with one table of prompts for all of them."""

    def __init__(
        self,
        settings: TrainSettings,
        material: Material,
        robots: dict[str, Embodiment],
        transformer_config,
        folder: Path,
        device: torch.device,
        tell: Progress,
    ):
        base = material.base
        self.autoencoder = base.autoencoder().to(device).eval().requires_grad_(False)
        self._operations = operations_for(self.autoencoder, settings.compile)
        self.texts = TextTable(base.tokenize)
        self._fingerprint = base.autoencoder_fingerprint()
        self._grid = grid_of(transformer_config, self.autoencoder.config)
        self._prompt_format = settings.prompt_format or base.checkpoint.card.prompt_format
        self._settings, self._folder, self._tell = settings, folder, tell
        self.parts = tuple(
            _Parts(each, dataset, robots[dataset.embodiment], split.training, split.held_out)
            for each, dataset, split in zip(settings.datasets, material.prepared, material.splits, strict=True)
        )

    def groups(self, held_out: bool) -> tuple[WindowGroup, ...]:
        """One group a dataset; datasets without held-out episodes have none in evaluation."""
        return tuple(self._group(each, held_out) for each in self.parts if not held_out or each.held_out)

    def _group(self, parts: _Parts, held_out: bool) -> WindowGroup:
        chunk = parts.settings.chunk_size or parts.robot.chunk_size
        if held_out:
            places = _spread(places_of(parts.dataset, parts.held_out, chunk, chunk), self._settings.evaluation.windows)
        else:
            places = places_of(parts.dataset, parts.training, chunk, parts.settings.window_stride)

        def latents(wanted: Sequence[tuple[int, int]], chunk_size: int) -> torch.Tensor:
            return latents_of(
                parts.dataset,
                wanted,
                chunk_size,
                self.autoencoder,
                self._fingerprint,
                self._folder,
                lambda done, of: self._tell("encoding windows", done, of),
                self._operations,
            )

        history = self._settings.mixture.history_rows
        return group_of(
            parts.dataset, parts.robot, parts.settings, places, latents, self.texts, self._grid,
            self._prompt_format, history,
        )  # fmt: skip


def _evaluation(
    settings: TrainSettings,
    material: Material,
    windows: _Windows,
    network: BatchedTransformer,
    kept: TrainingData,
    device: torch.device,
) -> Callable[[], dict[str, float]]:
    """What measures the run on its held-out windows; nothing, where there are none."""
    if not kept.groups:
        return dict
    parts = [each for each in windows.parts if each.held_out]
    held_out = HeldOut(kept, tuple(each.robot for each in parts), tuple(each.dataset for each in parts))
    return Evaluation(
        network,
        windows.autoencoder,
        held_out,
        settings.evaluation,
        settings.mixture.modes,
        lambda: material.base.scheduler(settings.evaluation.flow_shift),
        device,
    )


def _spread(places: Sequence[tuple[int, int]], at_most: int) -> tuple[tuple[int, int], ...]:
    """At most so many of them, evenly spread."""
    count = min(at_most, len(places))
    return tuple(places[int((number + 0.5) * len(places) / count)] for number in range(count))
