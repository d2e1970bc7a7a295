"""What a new checkpoint tells about itself."""

from __future__ import annotations

from collections.abc import Mapping

import embodiments
from cosmos_policy.checkpoints import CheckpointCard, NormalizerSpec
from cosmos_policy.training.material import Material
from cosmos_policy.training.settings import TrainSettings
from cosmos_policy.training.trainer import Outcome
from cosmos_policy.types import Sampling
from embodiments import Embodiment

OTHER_LATENTS = (
    "Its autoencoder was trained on its own: a transformer that was trained on other latents does not fit it."
)


def transformer_card(
    settings: TrainSettings,
    material: Material,
    outcome: Outcome,
    robots: Mapping[str, Embodiment],
    normalizers: str | dict[str, NormalizerSpec],
) -> CheckpointCard:
    """The card of a checkpoint whose transformer was trained; its sampling is that of the evaluation.

    robots: embodiment as set -> the robot with the normaliser of the run.
    """
    base, evaluation = material.base.checkpoint.card, settings.evaluation
    tiers = {dataset.tier for dataset in material.prepared}
    return CheckpointCard(
        name=settings.name,
        summary=f"post-trained from {base.name} on {', '.join(sorted(robot.name for robot in robots.values()))}",
        prompt_format=settings.prompt_format or base.prompt_format,
        sampling=Sampling(
            num_inference_steps=evaluation.num_inference_steps,
            guidance_scale=evaluation.guidance_scale,
            flow_shift=evaluation.flow_shift,
            resolution_tier=tiers.pop() if len(tiers) == 1 else None,
        ),
        source=_told(settings, material, outcome),
        normalizers=normalizers,
        embodiments=tuple(sorted(robot.name for robot in robots.values())),
        chunk_sizes=_chunk_sizes(settings, material, robots),
        notes=tuple(dict.fromkeys(_notes(material, robots))),
    )


def autoencoder_card(settings: TrainSettings, material: Material, outcome: Outcome) -> CheckpointCard:
    """The base's card, with what was done to the autoencoder."""
    card = material.base.checkpoint.card
    notes = card.notes if settings.autoencoder.decoder_only else tuple(dict.fromkeys((*card.notes, OTHER_LATENTS)))
    return card.model_copy(update={"name": settings.name, "source": _told(settings, material, outcome), "notes": notes})


def _chunk_sizes(settings: TrainSettings, material: Material, robots: Mapping[str, Embodiment]) -> dict[str, int]:
    """The chunks of robots whose own are others; where a robot's datasets differ, the largest."""
    trained: dict[str, int] = {}
    for each, dataset in zip(settings.datasets, material.prepared, strict=True):
        robot = robots[dataset.embodiment]
        trained[robot.name] = max(trained.get(robot.name, 0), each.chunk_size or robot.chunk_size)
    own = {robots[dataset.embodiment].name: embodiments.get(dataset.embodiment) for dataset in material.prepared}
    return {name: size for name, size in trained.items() if size != own[name].chunk_size}


def _notes(material: Material, robots: Mapping[str, Embodiment]) -> list[str]:
    """What a caller must do otherwise than with other checkpoints."""
    notes = [note for dataset in material.prepared for note in dataset.notes]
    for dataset in material.prepared:
        robot, known = robots[dataset.embodiment], embodiments.get(dataset.embodiment)
        if robot.fps != known.fps:
            notes.append(f"{robot.name} was trained at {robot.fps:g} actions per second, not {known.fps:g}.")
    return notes


def _told(settings: TrainSettings, material: Material, outcome: Outcome) -> str:
    """Data, steps and figures in one sentence."""
    data = ", ".join(
        f"{len(parts.training)} episodes of {dataset.source}"
        for dataset, parts in zip(material.prepared, material.splits, strict=True)
    )
    figures = "; ".join(f"{name} {value:.4g}" for name, value in outcome.evaluation.items())
    told = f"cosmos-policy train ({settings.part}), {outcome.step} steps of {settings.batch_size} on {data}"
    return f"{told}; held out: {figures}" if figures else told
