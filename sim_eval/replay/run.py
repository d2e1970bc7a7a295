"""One replay from settings to ``results.jsonl``, ``summary.json`` and ``report.html``."""

from __future__ import annotations

import importlib.metadata
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cosmos_policy
from cosmos_policy.cluster.spreading import Spread
from cosmos_policy.errors import UsageError
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.progress import Progress
from sim_eval.replay.asking import WINDOWS_PER_BATCH, Scenes, ask_windows
from sim_eval.replay.calls import CALLS
from sim_eval.replay.prepare import Preparation, describe_dataset, describe_embodiment, prepare
from sim_eval.replay.settings import ReplaySettings, fingerprint
from sim_eval.replay.spread import open_spread
from sim_eval.reports.replay_page import write_report
from sim_eval.reports.rerun_export import write_rerun
from sim_eval.results.comparison import compare_and_write, require_same_questions
from sim_eval.results.store import ResultStore, write_json
from sim_eval.results.summary import summarise

SUMMARY_FILE = "summary.json"
FORMAT = 1
REPORTED_LIBRARIES = ("av", "scikit-image", "plotly")


@dataclass(frozen=True)
class Outcome:
    """Where a finished replay lies, its summary (JSON values), what has to be told about it, and how it stands against
    another one, where that was asked."""

    summary: dict[str, Any]
    report: Path
    warnings: tuple[str, ...]
    comparison: dict[str, Any] | None = None


def replay(
    settings: ReplaySettings,
    *,
    batch_size: int = 1,
    spread: Spread | None = None,
    model: WorldActionModel | None = None,
    compare: Path | None = None,
    rerun: Path | None = None,
    quiet: bool = False,
    say: Any = None,
) -> Outcome:
    """Replay a dataset with a checkpoint; picks up an interrupted run of the same settings in ``settings.output``.

    batch_size: windows, of any episodes (with `spread`: of one), per call of the model. spread: episodes go to workers
        on a Ray cluster; None: all is done here. model: answers in place of the checkpoint that the settings name, and
        stays open. compare: the folder of another finished replay of the same windows. rerun: a file to write a Rerun
        recording of the replay to. say: called with one sentence at a time about what a user should hear.
    Raises ``UsageError`` before the model is loaded where the dataset does not fit, ``Failure`` where a file breaks.
    """
    if batch_size < 1:
        raise UsageError(f"--batch-size is {batch_size}; expected at least 1 window per call of the model.")
    say = say or (lambda sentence: None)
    store = ResultStore(settings.output)
    store.check_fresh_or_own()
    preparation = prepare(settings, windows_kept=WINDOWS_PER_BATCH * batch_size)
    for warning in preparation.warnings:
        say(warning)
    with _open_model(settings, batch_size, spread) if model is None else nullcontext(model) as model:
        run = describe_run(settings, preparation, model)
        if compare is not None:
            require_same_questions(run, compare)
        store.begin(run)
        repaired = store.repair()
        if repaired:
            say(repaired)
        _ask_all(settings, preparation, model, store, batch_size, quiet)
    outcome = finish(settings.output, run, preparation.embodiment, compare)
    if rerun is not None:
        write_rerun(rerun, settings.output, run, preparation.embodiment, preparation.recording.view)
    return outcome


def finish(folder: Path, run: dict[str, Any], embodiment: Any, compare: Path | None = None) -> Outcome:
    """Summary and report from what lies in `folder`; nothing is computed by a model. The order in which results came
    does not show."""
    places = {tuple(window[:3]): place for place, window in enumerate(run["windows"])}
    records = sorted(
        ResultStore(folder).records(),
        key=lambda record: places.get((record["call"], record["episode"], record["start"]), len(places)),
    )
    summary = summarise(run, records, embodiment)
    write_json(folder / SUMMARY_FILE, summary)
    comparison = None if compare is None else compare_and_write(folder, compare)
    report = write_report(folder, run, records, summary, embodiment, comparison)
    return Outcome(summary, report, tuple(run["warnings"]), comparison)


def describe_run(settings: ReplaySettings, preparation: Preparation, model: WorldActionModel) -> dict[str, Any]:
    """All facts of a run, as JSON values. "identity" is what must be equal for results to belong together."""
    info, embodiment = model.info, preparation.embodiment
    sampling = model.sampling_for(embodiment, settings.sampling)
    options = settings.described()
    identity = {
        "format": FORMAT,
        "options": {key: options[key] for key in _identifying(settings)},
        "dataset": describe_dataset(preparation),
        "instructions": {str(episode): text for episode, text in preparation.instructions.items()},
        "embodiment": describe_embodiment(settings, embodiment),
        "checkpoint": {key: getattr(info, key) for key in ("revision", "engine", "device", "dtype")},
        "sampling": asdict(sampling),
    }
    return {
        "fingerprint": fingerprint(identity),
        "identity": identity,
        "settings": options,
        "dataset_name": preparation.source.name,
        "checkpoint_name": info.checkpoint,
        "robot_type": preparation.info.get("robot_type"),
        "normalizer": embodiment.normalizer.describe(),
        "windows": [[window.call, window.episode, window.start, window.seed] for window in preparation.windows],
        "calls": {
            name: {key: getattr(CALLS[name], key) for key in ("title", "lead", "contiguous", "against_recording")}
            for name in settings.calls
        },
        "metrics": [asdict(metric) for metric in preparation.metrics],
        "warnings": [*info.notes, *preparation.warnings],
        "notes": list(preparation.notes),
        "versions": {**info.versions, **_versions()},
    }


def _identifying(settings: ReplaySettings) -> list[str]:
    """The options that change results."""
    always = ["calls", "stride", "missing_views", "seed", "fps"]
    return [*always, "samples"] if "calibration" in settings.calls else always


def _ask_all(
    settings: ReplaySettings,
    preparation: Preparation,
    model: Any,
    store: ResultStore,
    batch_size: int,
    quiet: bool,
) -> None:
    done = {(record["call"], record["episode"], record["start"]) for record in store.records()}
    open_windows = [window for window in preparation.windows if window.key not in done]
    sampling = model.sampling_for(preparation.embodiment, settings.sampling)
    scenes = Scenes(preparation, sampling, store, settings.samples)
    if hasattr(model, "ask_windows"):  # spread over a cluster
        records = model.ask_windows(scenes, open_windows, store.folder)
    else:
        records = ask_windows(scenes, open_windows, model, batch_size)
    with Progress("replay", "windows", len(preparation.windows), len(done), quiet) as progress:
        for record in records:
            store.append(record)
            progress.advance(f"episode {record['episode']}, {CALLS[record['call']].title.lower()}")


def _open_model(settings: ReplaySettings, batch_size: int, spread: Spread | None) -> AbstractContextManager[Any]:
    """The model here, or the workers' as far as a run has to know it."""
    if spread is not None:
        return open_spread(settings, batch_size, spread)
    how = {name: getattr(settings, name) for name in ("device", "dtype", "revision", "like")}
    return cosmos_policy.load(settings.checkpoint, **how)


def _versions() -> dict[str, str]:
    return {library: importlib.metadata.version(library) for library in REPORTED_LIBRARIES}
