"""One evaluation from settings to ``results.jsonl``, ``videos/``, ``summary.json`` and ``report.html``."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosmos_policy.cluster.spreading import Spread
from cosmos_policy.media import write_video
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.progress import Progress
from sim_eval.replay.settings import fingerprint
from sim_eval.results.store import ResultStore, write_json
from sim_eval.rollout.apart import play_apart
from sim_eval.rollout.episode import Task, play
from sim_eval.rollout.execution import Timing
from sim_eval.rollout.opening import open_model
from sim_eval.rollout.report import write_report
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.spread import open_spread
from sim_eval.rollout.summary import summarise
from sim_eval.rollout.world import World
from sim_eval.rollout.worlds import open_world

SUMMARY_FILE = "summary.json"
FORMAT = 1


@dataclass(frozen=True)
class Outcome:
    """Where a finished evaluation lies, and its summary (JSON values)."""

    summary: dict[str, Any]
    report: Path


def rollout(
    settings: RolloutSettings,
    *,
    spread: Spread | None = None,
    quiet: bool = False,
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Play the episodes that are not done yet, and write the report of all.

    spread: episodes go to workers on a Ray cluster; None: all is played here.
    say: called with one sentence at a time about what a user should hear.
    Raises ``UsageError`` where the settings do not fit each other, ``Failure`` where something breaks.
    """
    store = ResultStore(settings.output)
    store.check_fresh_or_own()
    with open_world(settings) as world, _open(settings, spread) as model:
        task = _task(settings, world, model)
        run = describe_run(settings, task, model)
        store.begin(run)
        repaired = store.repair()
        for sentence in (*run["warnings"], *([repaired] if repaired else [])):
            if say is not None:
                say(sentence)
        _play_all(settings, world, model, task, store, quiet)
    return finish(settings.output, run, settings.episodes)


def finish(folder: Path, run: dict[str, Any], episodes: int) -> Outcome:
    """Summary and report of the first `episodes` episodes in `folder`; nothing is computed by a model."""
    records = sorted(ResultStore(folder).records(), key=lambda record: record["episode"])
    records = [record for record in records if record["episode"] < episodes]
    summary = summarise(run, records)
    write_json(folder / SUMMARY_FILE, summary)
    return Outcome(summary, write_report(folder, run, records, summary))


def describe_run(settings: RolloutSettings, task: Task, model: WorldActionModel) -> dict[str, Any]:
    """All facts of a run, as JSON values. "identity" is what must be equal for results to belong together."""
    options = settings.described()
    identity = {
        "format": FORMAT,
        "options": {key: value for key, value in options.items() if key not in ("checkpoint", "device", "dtype")},
        "instruction": task.instruction,
        "checkpoint": {key: getattr(model.info, key) for key in ("revision", "engine", "device", "dtype")},
        "sampling": asdict(task.sampling),
        "chunk_size": task.chunk_size,
    }
    return {
        "fingerprint": fingerprint(identity),
        "identity": identity,
        "settings": options,
        "checkpoint_name": model.info.checkpoint,
        "execution": {**asdict(task.timing), "period": task.timing.period, "chunk_size": task.chunk_size},
        "warnings": list(model.info.notes),
        "versions": dict(model.info.versions),
    }


def _task(settings: RolloutSettings, world: World, model: WorldActionModel) -> Task:
    chunk_size = settings.chunk_size or model.embodiment_for(world.embodiment).chunk_size
    period_s = 1.0 / world.embodiment.fps
    timing = Timing.from_seconds(settings.execution_horizon, settings.latency_s, period_s, settings.prefix)
    timing.check(chunk_size)
    instruction = world.instruction if settings.instruction is None else settings.instruction
    sampling = model.sampling_for(world.embodiment, settings.sampling)
    return Task(instruction, chunk_size, sampling, timing, settings.seed)


def _open(settings: RolloutSettings, spread: Spread | None) -> AbstractContextManager[Any]:
    """The model here, or the workers' as far as a run has to know it."""
    return open_model(settings) if spread is None else open_spread(settings, spread)


def _play_all(
    settings: RolloutSettings, world: World, model: WorldActionModel, task: Task, store: ResultStore, quiet: bool
) -> None:
    done = {record["episode"]: record["success"] for record in store.records()}
    todo = [number for number in range(settings.episodes) if number not in done]
    if hasattr(model, "play"):  # spread over a cluster
        played = model.play(task, todo, settings.environments)
    elif settings.environments > 1:
        world.close()  # the workers have their own
        played = play_apart(settings, task, model, todo)
    else:
        played = (play(world, model, task, number, film=number < settings.videos) for number in todo)
    with Progress("rollout", "episodes", settings.episodes, settings.episodes - len(todo), quiet) as progress:
        for episode in played:
            record = dict(episode.record)
            if episode.frames is not None:
                video = Path("videos") / f"episode_{record['episode']:06d}.mp4"
                write_video(settings.output / video, episode.frames, world.embodiment.fps)
                record["video"] = str(video)
            store.append(record)
            done[record["episode"]] = record["success"]
            progress.advance(f"{sum(done.values())} of {len(done)} succeeded")
