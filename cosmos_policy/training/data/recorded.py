"""From a LeRobot dataset to prepared episodes. The only part of training that reads LeRobot."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict
from pathlib import Path

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.inputs import Fit, fit_frames
from cosmos_policy.training.data.checks import check_trajectory
from cosmos_policy.training.data.prepared import (
    EpisodeFacts,
    PreparedDataset,
    is_prepared,
    read_prepared,
    write_episode,
    write_prepared,
)
from cosmos_policy.training.settings import DatasetSettings
from embodiments import Embodiment, Trajectory

#: Settings that prepared episodes have in them, and what they are when nothing is said.
SETTLED = {
    "episodes": None,
    "instruction": None,
    "camera_map": {},
    "rest_steps": 0,
    "missing_views": "refuse",
    "picture_quality": 92,
}
#: Frames that are decoded in one go.
DECODED_STEPS = 15
#: Episodes that are worth another process, which needs some seconds to start.
EPISODES_PER_PROCESS = 32


def prepare(
    settings: DatasetSettings,
    tier: int | None,
    folder: Path,
    conforming: Callable[[Embodiment, Sequence[Trajectory], str], None],
    progress: Callable[[int, int], None] | None = None,
    processes: int | None = None,
) -> PreparedDataset:
    """The episodes of a dataset, prepared in `folder`; found there if they have been before.

    tier: canvas tier of the base checkpoint, for settings that name none. conforming: raises where the recordings
    (robot, trajectories, name of the dataset) do not fit. progress: told (episodes done, of how many). processes: that
    decode pictures; as many as there are cores and work for, if left out.
    Every mismatch of dataset and robot is a :class:`UsageError` before any frame is decoded.
    """
    if is_prepared(Path(settings.path)):
        return _as_settled(read_prepared(Path(settings.path)), settings)
    from cosmos_policy.datasets.source import fingerprint

    opened = _open(settings)
    source, binding, robot, chosen = opened.source, opened.binding, opened.embodiment, opened.episodes
    tier = settings.resolution_tier or tier or robot.resolution_tier
    key = _key(settings, tier, fingerprint(source))
    folder = folder / key
    if is_prepared(folder):
        return read_prepared(folder)

    recording = _recording(opened)
    trajectories = {index: recording.episode(index).trajectory for index in chosen}
    for index, trajectory in trajectories.items():
        check_trajectory(robot, trajectory, f"episode {index} of {source.name}")
    conforming(robot, list(trajectories.values()), source.name)
    shares = _shares(chosen, processes)
    done: dict[int, EpisodeFacts] = {}
    fits: dict[Fit, int] = {}
    for facts, fit in _prepare_shares(settings, tier, folder, shares, recording, robot):
        done[facts.index] = facts
        fits.setdefault(fit, facts.index)
        if len(fits) > 1:
            raise UsageError(
                f"Episodes {' and '.join(map(str, sorted(fits.values())))} have pictures of different sizes; train on "
                "datasets of one size, or name them one by one."
            )
        if progress is not None:
            progress(len(done), len(chosen))
    (fit,) = fits
    episodes = [done[index] for index in chosen]
    prepared = PreparedDataset(
        folder, source.name, key, settings.embodiment, binding.fps, tier, fit, tuple(episodes), binding.notes
    )
    write_prepared(prepared)
    return prepared


def _open(settings: DatasetSettings):
    from cosmos_policy.datasets.opening import open_dataset

    return open_dataset(
        settings.path,
        settings.embodiment,
        episodes=settings.episodes,
        camera_map=settings.camera_map,
        missing_views=settings.missing_views,
        fps=settings.fps,
    )


def _recording(opened):
    from cosmos_policy.datasets.recording import Recording

    return Recording(opened.source, opened.binding, opened.embodiment, opened.episodes, DECODED_STEPS)


def _shares(episodes: Sequence[int], processes: int | None) -> list[Sequence[int]]:
    """The episodes dealt out to processes."""
    if processes is None:
        processes = min(os.cpu_count() or 1, len(episodes) // EPISODES_PER_PROCESS)
    return [episodes[start::processes] for start in range(processes)] if processes > 1 else [episodes]


def _prepare_shares(
    settings: DatasetSettings, tier: int, folder: Path, shares: Sequence[Sequence[int]], recording, robot: Embodiment
) -> Iterator[tuple[EpisodeFacts, Fit]]:
    """What became of each episode, in any order; one share is prepared in this process."""
    if len(shares) == 1:
        for index in shares[0]:
            yield _prepare_episode(settings, tier, folder, recording, robot, index)
        return
    context = multiprocessing.get_context("spawn")  # decoders and torch do not survive a fork
    with ProcessPoolExecutor(len(shares), mp_context=context) as pool:
        futures = [pool.submit(_prepare_share, settings, tier, folder, share) for share in shares]
        for future in as_completed(futures):
            yield from future.result()


def _prepare_share(
    settings: DatasetSettings, tier: int, folder: Path, episodes: Sequence[int]
) -> list[tuple[EpisodeFacts, Fit]]:
    """Runs in a process of its own, with a decoder of its own."""
    import torch

    torch.set_num_threads(1)
    opened = _open(settings)
    recording = _recording(opened)
    return [_prepare_episode(settings, tier, folder, recording, opened.embodiment, index) for index in episodes]


def _prepare_episode(
    settings: DatasetSettings, tier: int, folder: Path, recording, robot: Embodiment, index: int
) -> tuple[EpisodeFacts, Fit]:
    content, fit = _frames(recording, index, tier)
    longer = _at_rest(recording.episode(index).trajectory, settings.rest_steps)
    actions = robot.encode(longer)
    write_episode(folder, index, actions, _states(robot, longer, len(actions) + 1), content, settings.picture_quality)
    task = settings.instruction if settings.instruction is not None else recording.task(index)
    return EpisodeFacts(index, task or robot.instruction_default, len(content), len(actions)), fit


def _key(settings: DatasetSettings, tier: int, fingerprint: str) -> str:
    """What tells these prepared episodes from others: the dataset's content and every setting that shapes them."""
    shaping = asdict(settings)
    for name in ("share", "held_out", "chunk_size", "window_stride", "path"):
        shaping.pop(name)
    return hashlib.sha256(json.dumps([shaping, tier, fingerprint], sort_keys=True).encode()).hexdigest()[:16]


def _as_settled(prepared: PreparedDataset, settings: DatasetSettings) -> PreparedDataset:
    """Prepared episodes that the user named: they must be what the settings want."""
    wanted = {"embodiment": settings.embodiment, "fps": settings.fps, "tier": settings.resolution_tier}
    for name, value in wanted.items():
        found = getattr(prepared, name)
        if value is not None and value != found:
            raise UsageError(
                f"{settings.path} was prepared with {name} {found}, but {value} is asked for; prepare it anew from the "
                "dataset, or ask for that."
            )
    for name, default in SETTLED.items():
        if getattr(settings, name) != default:
            raise UsageError(
                f"{settings.path} holds prepared episodes, in which {name} is settled; set it where they are prepared."
            )
    return prepared


def _frames(recording, index: int, tier: int) -> tuple[np.ndarray, Fit]:
    """All composed frames of an episode, fitted to their canvas and cut to their content; and the fit."""
    count, parts = recording.episode(index).num_frames, []
    for start in range(0, count, DECODED_STEPS + 1):
        composed = recording.frames(index, start)[: count - start]
        canvas, fit = fit_frames(composed, tier)
        parts.append(canvas[:, : fit.content_height, : fit.content_width])
    return np.concatenate(parts), fit


def _at_rest(trajectory: Trajectory, steps: int) -> Trajectory:
    """The trajectory, gone on for `steps` at its last state and command."""

    def longer(rows: np.ndarray) -> np.ndarray:
        rows = np.asarray(rows)
        return np.concatenate([rows, np.repeat(rows[-1:], steps, axis=0)])

    return Trajectory(
        states={name: longer(rows) for name, rows in trajectory.states.items()},
        commands={name: longer(rows) for name, rows in trajectory.commands.items()},
    )


def _states(robot: Embodiment, trajectory: Trajectory, count: int) -> np.ndarray:
    """The state row of every instant, unified, float64 [count, D]; [0, D] for robots without one."""
    if not robot.state_rows:
        return np.zeros((0, robot.action_dim))
    return np.stack([robot.encode_state(trajectory.state_at(row))[-1] for row in range(count)])
