"""Jobs through an engine, and its answers as media."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from cosmos_policy.engine.request import Engine, EngineResult, OnStep, Rest
from cosmos_policy.errors import Failure
from cosmos_policy.generator.jobs import SOUND_RATE_HZ, Job
from cosmos_policy.types import Media


def run_jobs(
    jobs: Sequence[Job], engine: Engine, on_step: OnStep | None = None, rest: Rest | None = None
) -> list[Media]:
    """Answers, in order. Jobs of one chunk are computed together, longer ones after them, chunk by chunk.

    on_step: told of the denoising steps of all of them; what it raises stops everything within one step. rest: called
    between parts of the work that are no steps.
    """
    progress = _Progress(sum(job.steps for job in jobs if len(job.chunks) > 1), on_step)
    results: dict[int, list[EngineResult]] = {}
    together = [place for place, job in enumerate(jobs) if len(job.chunks) == 1]
    if together:
        answers = engine.run([jobs[place].chunks[0] for place in together], progress.teller(), rest)
        results |= {place: [answer] for place, answer in zip(together, answers, strict=True)}
    for place, job in enumerate(jobs):
        if len(job.chunks) > 1:
            results[place] = _run_chunks(job, engine, progress, rest)
    return [_media(job, results[place]) for place, job in enumerate(jobs)]


def _run_chunks(job: Job, engine: Engine, progress: _Progress, rest: Rest | None) -> list[EngineResult]:
    made: list[EngineResult] = []
    for chunk in job.chunks:
        if made:
            chunk = replace(chunk, frames=made[-1].video[-job.overlap :])
        made += engine.run([chunk], progress.teller(chunk.sampling.num_inference_steps), rest)
    return made


def _media(job: Job, results: Sequence[EngineResult]) -> Media:
    parts = [result.video[job.overlap if index else 0 :] for index, result in enumerate(results)]
    frames = np.concatenate(parts)[: job.num_frames] if len(parts) > 1 else parts[0][: job.num_frames]
    timing = {"prepare": job.prepared_ms}
    for result in results:
        for stage, milliseconds in result.timing.items():
            timing[stage] = timing.get(stage, 0.0) + milliseconds
    timing["total"] = 1e3 * (time.perf_counter() - job.started_s)
    sound = _exactly(results[0].sound, job.samples) if job.samples else None
    return Media(frames, job.info["fps"], sound, SOUND_RATE_HZ, timing, job.info)


def _exactly(sound: np.ndarray | None, samples: int) -> np.ndarray:
    """The sound as long as the frames; it is made in whole latents, and so a little too long."""
    if sound is None or sound.shape[0] != 2 or sound.shape[1] < samples:
        made = "none" if sound is None else f"{sound.shape[0]} channels of {sound.shape[1]} samples"
        raise Failure(
            f"The checkpoint's sound decoder made {made}; expected 2 channels of at least {samples} samples at "
            f"{SOUND_RATE_HZ} Hz."
        )
    return np.ascontiguousarray(sound[:, :samples])


class _Progress:
    """One count of steps over several runs of an engine. later: steps of the jobs of several chunks, not yet begun."""

    def __init__(self, later: int, on_step: OnStep | None):
        self._later, self._on_step, self._before = later, on_step, 0

    def teller(self, own: int = 0) -> OnStep | None:
        """What the next run of the engine tells its steps to. own: how many of the later steps it makes."""
        if self._on_step is None:
            return None
        self._later -= own
        before = self._before

        def tell(done: int, steps: int) -> None:
            self._before = before + done
            self._on_step(self._before, before + steps + self._later)

        return tell
