"""inverse dynamics: frames in, the actions that connect them out."""

from __future__ import annotations

import time

from cosmos_policy.calls.job import Habits, Job, chunk_of, find_embodiment, make_job, state_rows_of
from cosmos_policy.engine.request import EngineResult
from cosmos_policy.types import ActionChunk, InverseDynamicsRequest, check_frames


def prepare(request: InverseDynamicsRequest, habits: Habits) -> Job:
    """All frames are clean; all rows but the state's are the model's to say."""
    started_s = time.perf_counter()
    embodiment = find_embodiment(request.embodiment)
    frames = check_frames(request.frames, "frames", 4)
    return make_job(
        "inverse_dynamics",
        frames,
        state_rows_of(embodiment, request.state),
        len(frames) - 1,
        instruction=request.instruction,
        embodiment=embodiment,
        seed=request.seed,
        sampling=request.sampling,
        habits=habits,
        video=False,
        started_s=started_s,
    )


def finish(request: InverseDynamicsRequest, job: Job, result: EngineResult) -> ActionChunk:
    """Denormalise; decode to commands where the first frame's state is known."""
    return chunk_of(job, result, request.state, stamp=0.0)
