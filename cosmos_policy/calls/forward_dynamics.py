"""forward dynamics: a frame and actions in, the frames that will be seen out."""

from __future__ import annotations

import time

from cosmos_policy.calls.job import Habits, Job, action_rows, find_embodiment, make_job, state_rows_of, timing_of
from cosmos_policy.engine.request import EngineResult
from cosmos_policy.types import ForwardDynamicsRequest, Rollout, check_frames


def prepare(request: ForwardDynamicsRequest, habits: Habits) -> Job:
    """Frame 0 and all rows are clean."""
    started_s = time.perf_counter()
    embodiment = find_embodiment(request.embodiment)
    frame = check_frames(request.frame, "frame", 3)
    return make_job(
        "forward_dynamics",
        frame[None],
        state_rows_of(embodiment, request.state),
        action_rows(embodiment, request.actions, "actions"),
        instruction=request.instruction,
        embodiment=embodiment,
        seed=request.seed,
        sampling=request.sampling,
        habits=habits,
        video=True,
        started_s=started_s,
    )


def finish(request: ForwardDynamicsRequest, job: Job, result: EngineResult) -> Rollout:
    """The frames as decoded."""
    return Rollout(result.video, 1.0 / job.embodiment.fps, timing_of(job, result), job.info)
