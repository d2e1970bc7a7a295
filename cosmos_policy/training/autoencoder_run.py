"""Builds the autoencoder's task from prepared datasets and the base checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch

from cosmos_policy.training.autoencoder import AutoencoderTask, Clips
from cosmos_policy.training.cards import autoencoder_card
from cosmos_policy.training.export import write_checkpoint
from cosmos_policy.training.material import Material, Progress
from cosmos_policy.training.settings import TrainSettings
from cosmos_policy.training.task import Task
from cosmos_policy.training.trainer import Outcome
from cosmos_policy.training.transformer_run import DTYPES, Finish


def autoencoder_run(
    settings: TrainSettings, material: Material, output: Path, device: torch.device, tell: Progress
) -> tuple[Task, Finish]:
    """The task, and what writes its checkpoint when it is done."""
    autoencoder = material.base.autoencoder().to(device)
    torch.backends.cudnn.benchmark = True  # clips have few sizes, and 3-D convolutions many algorithms
    training, held_out = [], []
    for dataset, parts, each in zip(material.prepared, material.splits, settings.datasets, strict=True):
        training.append(Clips(dataset, parts.training, each.share))
        if parts.held_out:
            held_out.append(Clips(dataset, parts.held_out, each.share))
    task = AutoencoderTask(autoencoder, training, held_out, settings, device)

    def finish(folder: Path, outcome: Outcome) -> None:
        task.measure_latents()
        card = autoencoder_card(settings, material, outcome)
        write_checkpoint(folder, material.base, card, dtype=DTYPES[settings.saved], autoencoder=autoencoder)

    return task, finish
