"""One attempt: a scene, its expert, and the one-episode dataset that comes of it. Runs in a process of its own."""

from __future__ import annotations

import gc
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from cosmos_policy.errors import Failure
from sim_eval.physics.recording.settings import RecordingSettings


def part_folder(settings: RecordingSettings, attempt: int) -> Path:
    """Where an attempt's episode is kept until the dataset is put together."""
    return settings.parts / f"attempt_{attempt:06d}"


def record_attempt(settings: RecordingSettings, attempt: int) -> dict[str, Any]:
    """Plays and records one scene; the episode depends on the settings and the attempt's number alone.

    Returns the attempt's result record (JSON values): ``success``, ``frames``, and the ``reason`` where the expert
    failed. The episode's folder appears whole, or not at all.
    """
    _bring_in_libraries()
    from sim_eval.physics import open_environment

    seed = settings.seed + attempt
    environment = open_environment(
        settings.task,
        settings.robot,
        seed=seed,
        image_size=settings.image_size,
        supersampling=settings.supersampling,
        randomization=settings.randomization,
    )
    from sim_eval.physics.demonstration import demonstrate
    from sim_eval.physics.recording.recorder import EpisodeRecorder

    whole = part_folder(settings, attempt)
    unfinished = whole.with_name(whole.name + ".unfinished")
    for leftover in (whole, unfinished):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        with EpisodeRecorder(unfinished, environment, quality=settings.quality) as recorder:
            frames = recorder.record(demonstrate(environment), environment.task.instruction)
    except Failure as failure:
        shutil.rmtree(unfinished, ignore_errors=True)
        return {"attempt": attempt, "seed": seed, "success": False, "frames": 0, "reason": str(failure)}
    finally:
        environment.close()
    unfinished.rename(whole)
    return {"attempt": attempt, "seed": seed, "success": True, "frames": frames, "reason": None}


@cache
def _bring_in_libraries() -> None:
    """Imports what an attempt needs and takes it out of the garbage collector's sight, once a process: closing a scene
    collects garbage, and going through millions of objects of libraries took half a second each time."""
    import sim_eval.physics.demonstration
    import sim_eval.physics.recording.recorder  # noqa: F401
    from sim_eval.physics.simulator import import_robosuite

    import_robosuite()
    gc.collect()
    gc.freeze()
