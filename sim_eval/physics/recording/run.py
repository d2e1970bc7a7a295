"""A recording from settings to a dataset, in as many processes as wanted."""

from __future__ import annotations

import multiprocessing
import shutil
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cosmos_policy.errors import Failure, UsageError
from sim_eval.physics import robots, tasks
from sim_eval.physics.recording.attempt import part_folder, record_attempt
from sim_eval.physics.recording.settings import RecordingSettings
from sim_eval.processes import follow_the_first_process
from sim_eval.progress import Progress
from sim_eval.results.store import ResultStore, write_json

SUMMARY_FILE = "recording.json"
"""In the dataset's folder: the settings, and which attempts it holds or dropped."""


@dataclass(frozen=True)
class Recorded:
    """A finished dataset: its folder, episodes and frames, and how many attempts of the expert were dropped."""

    folder: Path
    episodes: int
    frames: int
    dropped: int


def record(settings: RecordingSettings, *, workers: int = 1, quiet: bool = False) -> Recorded:
    """Records until ``settings.episodes`` attempts have succeeded; goes on with an interrupted run of equal settings.

    Episode i is the i-th success in the order of seeds, whatever the number of workers.

    Raises:
        UsageError: the output folder holds something else, or a setting is not possible.
        Failure: a package is missing, or the expert fails more often than it succeeds.
    """
    if workers < 1:
        raise UsageError(f"--workers is {workers}; expected at least 1.")
    tasks.get(settings.task)
    robots.get(settings.robot)
    _require_lerobot()
    if settings.output.exists():
        return _already_recorded(settings)
    store = ResultStore(settings.parts)
    store.check_fresh_or_own()
    store.begin({"identity": settings.identity()})
    store.repair()
    done = {record["attempt"]: record for record in store.records()}
    done = {number: record for number, record in done.items() if _is_there(settings, record)}
    before = sum(record["success"] for record in done.values())
    with Progress("record", "episodes", settings.episodes, min(before, settings.episodes), quiet) as progress:
        for result in _attempts(settings, done, workers):
            store.append(result)
            done[result["attempt"]] = result
            dropped = sum(not record["success"] for record in done.values())
            progress.advance(f"{dropped} dropped", by=int(result["success"]))
    return _finish(settings, [done[number] for number in sorted(done)])


def _attempts(settings: RecordingSettings, done: dict[int, dict[str, Any]], workers: int) -> Iterator[dict[str, Any]]:
    """Results of attempts as they come, until enough have succeeded; `done` is kept up to date by the caller.

    An attempt is begun only while those that succeeded and those that run would not be enough: so exactly the shortest
    row of attempts 0, 1, 2, ... with enough successes is made.
    """
    context = multiprocessing.get_context("spawn")  # OpenGL and torch do not survive a fork
    running: dict[Future, int] = {}
    with ProcessPoolExecutor(workers, mp_context=context, initializer=follow_the_first_process) as pool:
        while True:
            successes = sum(record["success"] for record in done.values())
            number = 0
            while len(running) < workers and successes + len(running) < settings.episodes:
                while number in done or number in running.values():
                    number += 1
                running[pool.submit(record_attempt, settings, number)] = number
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                yield _result(future, running.pop(future))
            _require_progress(settings, done)


def _result(future: Future, attempt: int) -> dict[str, Any]:
    try:
        return future.result()
    except BrokenProcessPool:
        raise Failure(
            f"a process that recorded died (attempt {attempt}; out of memory, or killed): the same command goes on, "
            "with fewer --workers if memory was short"
        ) from None


def _require_progress(settings: RecordingSettings, done: dict[int, dict[str, Any]]) -> None:
    failures = [record["reason"] for record in done.values() if not record["success"]]
    if len(failures) > max(10, len(done) // 2):
        raise Failure(
            f"the expert failed in {len(failures)} of {len(done)} attempts at {settings.task!r} with "
            f"{settings.robot!r}; one of the reasons: {failures[-1]}"
        )


def _finish(settings: RecordingSettings, results: list[dict[str, Any]]) -> Recorded:
    from sim_eval.physics.recording.merge import merge

    kept = [record for record in results if record["success"]][: settings.episodes]
    dropped = [record for record in results[: kept[-1]["attempt"] + 1] if not record["success"]]
    merge([part_folder(settings, record["attempt"]) for record in kept], settings.output)
    summary = {
        "identity": settings.identity(),
        "episodes": len(kept),
        "frames": sum(record["frames"] for record in kept),
        "dropped": len(dropped),
        "seeds": [record["seed"] for record in kept],
        "dropped_seeds": {str(record["seed"]): record["reason"] for record in dropped},
    }
    write_json(settings.output / SUMMARY_FILE, summary)
    shutil.rmtree(settings.parts)
    return Recorded(settings.output, summary["episodes"], summary["frames"], summary["dropped"])


def _already_recorded(settings: RecordingSettings) -> Recorded:
    """What a finished run of the same settings has left; any other content of the output folder is refused."""
    import json

    summary_path = settings.output / SUMMARY_FILE
    if settings.output.is_dir() and summary_path.exists():
        summary = json.loads(summary_path.read_text(encoding="utf-8"))
        if summary["identity"] == settings.identity() and summary["episodes"] == settings.episodes:
            return Recorded(settings.output, summary["episodes"], summary["frames"], summary["dropped"])
    raise UsageError(f"{settings.output} is there already and holds something else; name a new --output.")


def _is_there(settings: RecordingSettings, record: dict[str, Any]) -> bool:
    return not record["success"] or part_folder(settings, record["attempt"]).is_dir()


def _require_lerobot() -> None:
    try:
        import lerobot.datasets.aggregate  # noqa: F401
    except ModuleNotFoundError as error:
        raise Failure(
            f"recording needs the package {error.name!r}, which is not installed: "
            "install cosmos-policy with its extra 'evaluation'"
        ) from error
