"""A run from settings to checkpoint: everything that can be refused is refused before the first step."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from pydantic import TypeAdapter

import embodiments
from cosmos_policy.checkpoints import CheckpointCard, resolve_checkpoint
from cosmos_policy.errors import UsageError
from cosmos_policy.inputs import prompt_facts
from cosmos_policy.training import adaptation
from cosmos_policy.training.autoencoder import AutoencoderTask, Clips
from cosmos_policy.training.base import Base, base_of, grid_of
from cosmos_policy.training.data.assembling import FORMATS, Split, group_of, places_of, split
from cosmos_policy.training.data.latents import latents_of
from cosmos_policy.training.data.normalizing import robots_of, specs_of
from cosmos_policy.training.data.prepared import PreparedDataset
from cosmos_policy.training.data.recorded import prepare
from cosmos_policy.training.data.windows import TextTable, TrainingData
from cosmos_policy.training.evaluation import Evaluation, HeldOut
from cosmos_policy.training.export import write_checkpoint
from cosmos_policy.training.flow_matching import FlowMatchingTask
from cosmos_policy.training.settings import TrainSettings
from cosmos_policy.training.stream import BatchedTransformer
from cosmos_policy.training.task import Task
from cosmos_policy.training.trainer import LOG_FILE, Outcome, Trainer, make_accelerator
from cosmos_policy.types import Sampling
from embodiments import Embodiment

CHECKPOINT, SETTINGS_FILE = "checkpoint", "settings.json"
#: Settings that a resumed run may have otherwise: they change what is told, not what is computed.
FREE_ON_RESUME = {"log_every", "save_every", "evaluation", "saved"}
DTYPES = {"float32": torch.float32, "bf16": torch.bfloat16}
logger = logging.getLogger(__name__)

#: told (what is being done, how much is done, of how much)
Progress = Callable[[str, float, float], None]


@dataclass(frozen=True, eq=False)
class Material:
    """What a run works on: prepared datasets, split, and the checkpoint that it starts from."""

    prepared: tuple[PreparedDataset, ...]
    splits: tuple[Split, ...]
    base: Base


def train(
    settings: TrainSettings, output: Path, *, resume: bool = False, prepare_only: bool = False,
    progress: Progress | None = None,
) -> Path:  # fmt: skip
    """Run `settings` and return the folder of the new checkpoint, ``output / "checkpoint"``; with `prepare_only` that
    of the prepared datasets.

    output: also holds what a run needs to be resumed, its log (``training.jsonl`` and TensorBoard's), and what it has
    prepared. Raises :class:`UsageError` for what does not fit, before the first step.
    """
    tell = progress or (lambda *_: None)
    accelerator = make_accelerator(settings, output)
    if accelerator.is_main_process:
        _claim(settings, output, resume or prepare_only)
    with accelerator.main_process_first():
        prepared = _prepared(settings, output, tell)
        if prepare_only:
            return output / "prepared"
        splits = tuple(split(dataset, each.held_out) for dataset, each in zip(prepared, settings.datasets, strict=True))
        material = Material(prepared, splits, base_of(settings, _prompts(settings, prepared), output))
    build = _transformer_run if settings.part == "transformer" else _autoencoder_run
    with accelerator.main_process_first():
        task, finish = build(settings, material, output, accelerator, tell)
    trainer = Trainer(task, settings, accelerator, output, resume)
    outcome = trainer.run(lambda step, done: tell("training", settings.steps * done, settings.steps))
    if accelerator.is_main_process:
        with trainer.averaged():
            finish(output / CHECKPOINT, outcome)
        logger.info("wrote %s", output / CHECKPOINT)
    accelerator.wait_for_everyone()
    return output / CHECKPOINT


def _claim(settings: TrainSettings, output: Path, known: bool) -> None:
    """Take the output folder for this run; a resumed one must be the run that it was."""
    output.mkdir(parents=True, exist_ok=True)
    mine = json.loads(TypeAdapter(TrainSettings).dump_json(settings))
    path = output / SETTINGS_FILE
    if (output / LOG_FILE).exists() and not known:
        raise UsageError(f"{output} already holds a run; say --resume to go on with it, or name another --output.")
    if known and (output / LOG_FILE).exists() and path.is_file():
        theirs = json.loads(path.read_text())
        changed = [name for name in mine if mine[name] != theirs.get(name) and name not in FREE_ON_RESUME]
        if changed:
            raise UsageError(
                f"The run in {output} was begun with other settings ({', '.join(changed)}); resume with its own, or "
                "name another --output."
            )
    path.write_text(json.dumps(mine, indent=1) + "\n")


def _prepared(settings: TrainSettings, output: Path, tell: Progress) -> tuple[PreparedDataset, ...]:
    tier = None
    if settings.base is not None:
        tier = resolve_checkpoint(settings.base, like=settings.like).card.sampling.resolution_tier
    return tuple(
        prepare(each, tier, output / "prepared", lambda done, of: tell("preparing episodes", done, of))
        for each in settings.datasets
    )


def _prompts(settings: TrainSettings, prepared: Sequence[PreparedDataset]) -> list[str]:
    """One prompt of each task: what a new tokenizer is trained on."""
    prompts = {}
    for dataset in prepared:
        robot = embodiments.get(dataset.embodiment)
        canvas = (dataset.fit.canvas_height, dataset.fit.canvas_width)
        for task in {facts.task for facts in dataset.episodes}:
            facts = prompt_facts(robot, task, robot.chunk_size + 1, canvas)
            prompts |= dict.fromkeys(write(facts) for write in FORMATS.values())
    return sorted(prompts)


def _transformer_run(
    settings: TrainSettings, material: Material, output: Path, accelerator: Accelerator, tell: Progress
) -> tuple[Task, Callable[[Path, Outcome], None]]:
    base, device = material.base, accelerator.device
    pairs = list(zip(material.prepared, material.splits, strict=True))
    robots = robots_of([(dataset, each.training) for dataset, each in pairs], settings.normalizer, base.checkpoint)
    for robot in robots.values():
        logger.info("%s: normaliser %s", robot.name, robot.normalizer.describe())
    lora = settings.adaptation.kind == "lora"
    transformer = base.transformer(DTYPES[settings.weights] if lora else torch.float32)
    autoencoder = base.autoencoder().to(device).eval().requires_grad_(False)
    grid = grid_of(transformer.config, autoencoder.config)
    adaptation.adapt(transformer, settings.adaptation)
    if settings.gradient_checkpointing:
        transformer.enable_gradient_checkpointing()
    texts = TextTable(base.tokenize)
    prompt_format = settings.prompt_format or base.checkpoint.card.prompt_format
    fingerprint = base.autoencoder_fingerprint()

    def groups(held_out: bool) -> tuple:
        made = []
        for (dataset, parts), each in zip(pairs, settings.datasets, strict=True):
            episodes, robot = parts.held_out if held_out else parts.training, robots[dataset.embodiment]
            if not episodes:
                continue
            chunk = each.chunk_size or robot.chunk_size
            places = places_of(dataset, episodes, chunk, chunk if held_out else each.window_stride)
            if held_out:
                places = _spread(places, settings.evaluation.windows)

            def latents(places: Sequence[tuple[int, int]], chunk: int, dataset: PreparedDataset = dataset) -> Any:
                return latents_of(
                    dataset, places, chunk, autoencoder, fingerprint, output / "latents",
                    lambda done, of: tell("encoding windows", done, of),
                )  # fmt: skip

            made.append(
                (group_of(dataset, robot, each, places, latents, texts, grid, prompt_format,
                          settings.mixture.history_rows), robot, dataset)
            )  # fmt: skip
        return tuple(made)

    data = TrainingData(tuple(group for group, _, _ in groups(held_out=False)), texts)
    network = BatchedTransformer(transformer.to(device))
    kept = groups(held_out=True)

    def evaluation() -> dict[str, float]:
        if not kept:
            return {}
        held_out = HeldOut(
            TrainingData(tuple(group for group, _, _ in kept), texts),
            tuple(robot for _, robot, _ in kept),
            tuple(dataset for _, _, dataset in kept),
        )
        return Evaluation(
            network, autoencoder, held_out, settings.evaluation, settings.mixture.modes,
            lambda: base.scheduler(settings.evaluation.flow_shift), device,
        )()  # fmt: skip

    logger.info(
        "%d windows, %d prompts; %.1f M of %.1f M numbers are trained",
        data.num_windows, len(texts.ids),
        sum(each.numel() for each in transformer.parameters() if each.requires_grad) / 1e6,
        sum(each.numel() for each in transformer.parameters()) / 1e6,
    )  # fmt: skip
    task = FlowMatchingTask(network, data, settings, device, evaluation)

    def finish(folder: Path, outcome: Outcome) -> None:
        adaptation.merge(transformer)
        card = _card(settings, material, outcome, robots, specs_of(robots, settings.normalizer, base.checkpoint))
        write_checkpoint(folder, base, card, dtype=DTYPES[settings.saved], transformer=transformer)

    return task, finish


def _autoencoder_run(
    settings: TrainSettings, material: Material, output: Path, accelerator: Accelerator, tell: Progress
) -> tuple[Task, Callable[[Path, Outcome], None]]:
    autoencoder = material.base.autoencoder().to(accelerator.device)
    training, held_out = [], []
    for dataset, parts, each in zip(material.prepared, material.splits, settings.datasets, strict=True):
        training.append(Clips(dataset, parts.training, each.share))
        if parts.held_out:
            held_out.append(Clips(dataset, parts.held_out, each.share))
    task = AutoencoderTask(autoencoder, training, held_out, settings, accelerator.device)

    def finish(folder: Path, outcome: Outcome) -> None:
        task.measure_latents()
        card = material.base.checkpoint.card
        note = (
            "Its autoencoder was trained on its own; a transformer that was trained on other latents does not fit it."
        )
        notes = card.notes if settings.autoencoder.decoder_only else (*card.notes, note)
        card = card.model_copy(
            update={"name": settings.name, "source": _told(settings, material, outcome), "notes": notes}
        )
        write_checkpoint(folder, material.base, card, dtype=DTYPES[settings.saved], autoencoder=autoencoder)

    return task, finish


def _spread(places: Sequence[tuple[int, int]], at_most: int) -> tuple[tuple[int, int], ...]:
    """At most so many of them, evenly spread."""
    count = min(at_most, len(places))
    return tuple(places[int((number + 0.5) * len(places) / count)] for number in range(count))


def _card(
    settings: TrainSettings,
    material: Material,
    outcome: Outcome,
    robots: dict[str, Embodiment],
    normalizers: Any,
) -> CheckpointCard:
    """What the new checkpoint tells about itself; its sampling is that of the evaluation."""
    base, evaluation = material.base.checkpoint.card, settings.evaluation
    tiers = {dataset.tier for dataset in material.prepared}
    notes = [note for dataset in material.prepared for note in dataset.notes]
    for each, dataset in zip(settings.datasets, material.prepared, strict=True):
        robot, known = robots[dataset.embodiment], embodiments.get(dataset.embodiment)
        if each.chunk_size not in (None, known.chunk_size):
            notes.append(f"{robot.name} was trained on chunks of {each.chunk_size} actions: ask for as many.")
        if robot.fps != known.fps:
            notes.append(f"{robot.name} was trained at {robot.fps:g} actions per second, not {known.fps:g}.")
    return CheckpointCard(
        name=settings.name,
        summary=f"post-trained from {material.base.checkpoint.card.name} on {', '.join(sorted(robots))}",
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
        notes=tuple(dict.fromkeys(notes)),
    )


def _told(settings: TrainSettings, material: Material, outcome: Outcome) -> str:
    """Data, steps and figures in one sentence."""
    data = ", ".join(
        f"{len(parts.training)} episodes of {dataset.source}"
        for dataset, parts in zip(material.prepared, material.splits, strict=True)
    )
    figures = "; ".join(f"{name} {value:.4g}" for name, value in outcome.evaluation.items())
    told = f"cosmos-policy train ({settings.part}), {outcome.step} steps of {settings.batch_size} on {data}"
    return f"{told}; held out: {figures}" if figures else told
