"""One evaluation from settings to ``results.jsonl``, ``videos/``, ``summary.json`` and ``report.html``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cosmos_policy.cluster.spreading import Spread
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from sim_eval.progress import Progress
from sim_eval.replay.settings import fingerprint
from sim_eval.results.store import ResultStore, write_json
from sim_eval.rollout.dataset import check_parts, put_together
from sim_eval.rollout.episode import Task
from sim_eval.rollout.execution import Timing
from sim_eval.rollout.models import open_models
from sim_eval.rollout.playing import Job
from sim_eval.rollout.report import write_report
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.spread import SpreadModel, open_spread
from sim_eval.rollout.summary import summarise
from sim_eval.rollout.ways import play_here
from sim_eval.rollout.worlds import robot_of

SUMMARY_FILE = "summary.json"
FORMAT = 2


@dataclass(frozen=True)
class Outcome:
    """Where a finished evaluation lies, and its summary (JSON values). dataset: the recorded episodes, if they were."""

    summary: dict[str, Any]
    report: Path
    dataset: Path | None = None


def rollout(
    settings: RolloutSettings,
    *,
    spread: Spread | None = None,
    model: WorldActionModel | None = None,
    imaginer: WorldActionModel | None = None,
    quiet: bool = False,
    say: Callable[[str], None] | None = None,
) -> Outcome:
    """Play the episodes that are not done yet, and write the report of all.

    spread: episodes go to workers on a Ray cluster; None: all is played here. model, imaginer: answer in place of what
    the settings name, and stay open. say: called with one sentence at a time about what a user should hear.
    Raises ``UsageError`` where the settings do not fit each other, ``Failure`` where something breaks.
    """
    store = ResultStore(settings.output)
    store.check_fresh_or_own()
    robot = robot_of(settings)
    with ExitStack() as opened:
        if spread is not None:
            model = opened.enter_context(open_spread(settings, spread))
            imaginer = model.imaginer
        elif model is None:
            model, imaginer = open_models(settings, opened)
        task = _task(settings, robot, model)
        run = describe_run(settings, task, model, imaginer)
        store.begin(run)
        repaired = store.repair()
        for sentence in (*run["warnings"], *([repaired] if repaired else [])):
            if say is not None:
                say(sentence)
        _play_all(settings, task, model, imaginer, store, quiet)
    return finish(settings, run)


def finish(settings: RolloutSettings, run: dict[str, Any]) -> Outcome:
    """Summary, report and dataset of the episodes that the settings want; nothing is computed by a model."""
    folder = settings.output
    records = asked_for(settings, list(ResultStore(folder).records()))
    summary = summarise(run, records)
    write_json(folder / SUMMARY_FILE, summary)
    dataset = None
    if settings.record:
        dataset = put_together(folder, {Job(one["task"], one["episode"]).name: one for one in records})
    return Outcome(summary, write_report(folder, run, records, summary), dataset)


def asked_for(settings: RolloutSettings, records: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records of the episodes that the settings want, task by task, in the order of their numbers."""
    wanted = [one for one in records if one["task"] in settings.groups and one["episode"] < settings.episodes]
    return sorted(wanted, key=lambda one: (settings.groups.index(one["task"]), one["episode"]))


def describe_run(
    settings: RolloutSettings, task: Task, model: WorldActionModel, imaginer: WorldActionModel | None
) -> dict[str, Any]:
    """All facts of a run, as JSON values. "identity" is what must be equal for results to belong together."""
    options = _as_json(settings.described())
    identity = {
        "format": FORMAT,
        "options": {key: value for key, value in options.items() if key not in ("checkpoint", "device", "dtype")},
        "checkpoint": _what_answers(model),
        "imaginer": None if imaginer is None else _what_answers(imaginer),
        "files": {} if settings.imagination is None else _files(settings.imagination.rewards),
        "sampling": _as_json(asdict(task.sampling)),
        "chunk_size": task.chunk_size,
    }
    notes = [*model.info.notes, *(() if imaginer in (None, model) else imaginer.info.notes)]
    return {
        "fingerprint": fingerprint(identity),
        "identity": identity,
        "settings": {"tasks": list(settings.tasks), **options},
        "checkpoint_name": model.info.checkpoint,
        "imaginer_name": None if imaginer is None else imaginer.info.checkpoint,
        "execution": {**asdict(task.timing), "period": task.timing.period, "chunk_size": task.chunk_size},
        "warnings": list(dict.fromkeys(notes)),
        "versions": dict(model.info.versions),
    }


def _as_json(values: dict[str, Any]) -> dict[str, Any]:
    """As they will be read back: a pair of numbers is a list there."""
    return json.loads(json.dumps(values, allow_nan=False))


def _what_answers(model: WorldActionModel) -> dict[str, Any]:
    return {key: getattr(model.info, key) for key in ("revision", "engine", "device", "dtype")}


def _files(value: Any) -> dict[str, str]:
    """path -> SHA-256 of every file that rewards name: another judge under the same name is another run."""
    if isinstance(value, str):
        there = Path(value).is_file()
        return {value: hashlib.sha256(Path(value).read_bytes()).hexdigest()} if there else {}
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return {path: digest for part in parts for path, digest in _files(part).items()}


def _task(settings: RolloutSettings, robot: Embodiment, model: WorldActionModel) -> Task:
    chunk_size = settings.chunk_size or model.embodiment_for(robot).chunk_size
    timing = Timing.from_seconds(settings.execution_horizon, settings.latency_s, 1.0 / robot.fps, settings.prefix)
    timing.check(chunk_size)
    sampling = model.sampling_for(robot, settings.sampling)
    return Task(settings.instruction, chunk_size, sampling, timing, settings.seed)


def _play_all(
    settings: RolloutSettings,
    task: Task,
    model: WorldActionModel | SpreadModel,
    imaginer: WorldActionModel | None,
    store: ResultStore,
    quiet: bool,
) -> None:
    done = {Job(record["task"], record["episode"]): record["success"] for record in store.records()}
    jobs = [Job(group, number) for group in settings.groups for number in range(settings.episodes)]
    todo = [job for job in jobs if job not in done]
    if settings.record:
        check_parts(settings.output, [job.name for job in jobs if job in done])
    if isinstance(model, SpreadModel):
        played = model.play(settings, task, todo)
    else:
        played = play_here(settings, task, model, imaginer, todo)
    with Progress("rollout", "episodes", len(jobs), len(jobs) - len(todo), quiet) as progress:
        for record in played:
            store.append(record)
            done[Job(record["task"], record["episode"])] = record["success"]
            progress.advance(f"{sum(done.values())} of {len(done)} succeeded")
