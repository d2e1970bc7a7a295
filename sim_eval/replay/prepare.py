"""Everything that can be refused, refused before a model is loaded; and the plan of what will be asked."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmos_policy.checkpoints import embodiment_for, resolve_checkpoint
from cosmos_policy.datasets.binding import Binding
from cosmos_policy.datasets.health import episode_lengths
from cosmos_policy.datasets.opening import open_dataset
from cosmos_policy.datasets.recording import WINDOWS_KEPT, Episode, Recording
from cosmos_policy.datasets.source import DatasetSource, fingerprint
from sim_eval.metrics.actions import Metric, action_errors, path_errors
from sim_eval.replay.calls import CALLS
from sim_eval.replay.plan import Window, plan_windows
from sim_eval.replay.settings import ReplaySettings


@dataclass(frozen=True, eq=False)
class Preparation:
    """A run that is ready for its model.

    embodiment: at the rate of the replay and with the checkpoint's normaliser. instructions: episode -> what the model
    is told. warnings: what changes the meaning of the results, for the top of the report. notes: what a careful reader
    wants to know.
    """

    embodiment: Any
    source: DatasetSource
    info: dict[str, Any]
    binding: Binding
    recording: Recording
    episodes: tuple[int, ...]
    windows: tuple[Window, ...]
    instructions: dict[int, str]
    metrics: tuple[Metric, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(settings: ReplaySettings, windows_kept: int = WINDOWS_KEPT) -> Preparation:
    """Check the settings against the dataset and the checkpoint, and plan the windows; no weight is loaded.

    windows_kept: decoded windows that stay in memory.
    The dataset comes first: a checkpoint may have to be downloaded. Raises ``UsageError`` in one sentence
    (``EmbodimentError``, where statistics are missing).
    """
    opened = open_dataset(
        settings.dataset,
        settings.embodiment,
        episodes=settings.episodes,
        camera_map=settings.camera_map,
        missing_views=settings.missing_views,
        fps=settings.fps,
    )
    source, binding, embodiment, episodes = opened.source, opened.binding, opened.embodiment, opened.episodes
    checkpoint = resolve_checkpoint(settings.checkpoint, settings.revision, settings.like)
    embodiment = embodiment_for(checkpoint, embodiment)
    recorded = episode_lengths(source.root)
    lengths = {episode: -(-recorded[episode] // binding.frame_step) for episode in episodes}
    windows = plan_windows(_strides(settings, embodiment.chunk_size), lengths, embodiment.chunk_size, settings.seed)
    recording = Recording(source, binding, embodiment, episodes, embodiment.chunk_size, windows_kept)
    first = recording.episode(episodes[0])
    instructions, spoken = _instructions(settings, recording, embodiment, episodes)
    blank = binding.blank_views
    unseen = (
        f"The dataset lacks {len(blank)} of {len(embodiment.views)} views ({', '.join(blank)}); black was composed in "
        "their place, which the model was not trained on. Image figures leave those pixels out.",
    )
    embodiment.denormalize(embodiment.normalize(first.actions[:1]))
    return Preparation(
        embodiment,
        source,
        dict(opened.info),
        binding,
        recording,
        episodes,
        windows,
        instructions,
        _action_metrics(embodiment, first),
        warnings=(*(unseen if blank else ()), *spoken, *binding.notes),
        notes=_tail_notes(settings, lengths, embodiment.chunk_size),
    )


def describe_embodiment(settings: ReplaySettings, embodiment: Any) -> dict[str, Any]:
    """What fixes the numbers of an embodiment, as JSON values."""
    facts = {
        "name": embodiment.name,
        "fps": embodiment.fps,
        "chunk_size": embodiment.chunk_size,
        "columns": [[column.name, column.kind, column.unit] for column in embodiment.columns],
        "normalizer": embodiment.normalizer.describe(),
    }
    path = Path(settings.embodiment)
    if path.is_file():
        facts["file_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    return facts


def describe_dataset(preparation: Preparation) -> dict[str, Any]:
    """What fixes the recorded side, as JSON values."""
    binding = preparation.binding
    return {
        "fingerprint": fingerprint(preparation.source),
        "revision": preparation.source.revision,
        "recorded_fps": preparation.info["fps"],
        "layout": binding.layout.name,
        "views": dict(binding.views),
        "frame_step": binding.frame_step,
        "episodes": list(preparation.episodes),
    }


def _strides(settings: ReplaySettings, chunk_size: int) -> dict[str, int]:
    """Calls whose windows follow one another are not thinned out: their integrated path needs every action."""
    stride = settings.stride or chunk_size
    return {name: chunk_size if CALLS[name].contiguous else stride for name in settings.calls}


def _instructions(
    settings: ReplaySettings, recording: Recording, embodiment: Any, episodes: tuple[int, ...]
) -> tuple[dict[int, str], tuple[str, ...]]:
    """episode -> instruction, and a warning about episodes that have none."""
    chosen, silent = {}, []
    for episode in episodes:
        told = recording.task(episode) if settings.instruction is None else settings.instruction.strip()
        chosen[episode] = told or embodiment.instruction_default
        if not chosen[episode]:
            silent.append(episode)
    if not silent:
        return chosen, ()
    which = "The episode has" if len(episodes) == 1 else f"{len(silent)} of {len(episodes)} episodes have"
    return chosen, (
        f"{which} no task text and --instruction was not said: the model was given an empty instruction, which changes "
        "what a policy does.",
    )


def _action_metrics(embodiment: Any, episode: Episode) -> tuple[Metric, ...]:
    """The metrics that this embodiment's blocks give, found by measuring a recorded step against itself."""
    step, state = episode.actions[:1], episode.trajectory.state_at(0)
    return (*action_errors(embodiment, step, step), *path_errors(embodiment, step, step, state))


def _tail_notes(settings: ReplaySettings, lengths: dict[int, int], chunk_size: int) -> tuple[str, ...]:
    contiguous = [CALLS[name].title for name in settings.calls if CALLS[name].contiguous]
    left_out = {episode: (frames - 1) % chunk_size for episode, frames in lengths.items()}
    if not contiguous or not any(left_out.values()):
        return ()
    most = max(left_out.values())
    rest = "the last action" if most == 1 else f"up to {most} actions at the end"
    verb = "is" if most == 1 else "are"
    return (
        f"{contiguous[0]} goes through whole windows of {chunk_size} actions: {rest} of an episode {verb} left out.",
    )
