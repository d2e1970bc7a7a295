"""forward dynamics: a frame and actions in, the frames that will be seen out."""

from __future__ import annotations

import time

import numpy as np

from cosmos_policy.calls.job import Habits, Job, find_embodiment, make_job, state_rows_of, timing_of
from cosmos_policy.engine.request import EngineResult
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ForwardDynamicsRequest, Rollout, check_frames


def prepare(request: ForwardDynamicsRequest, habits: Habits) -> Job:
    """Frame 0 and all rows are clean."""
    started_s = time.perf_counter()
    embodiment = find_embodiment(request.embodiment)
    frame = check_frames(request.frame, "frame", 3)
    actions = np.asarray(request.actions, dtype=np.float64)
    if actions.ndim != 2 or actions.shape[1] != embodiment.action_dim:
        raise UsageError(
            f"actions have shape {list(actions.shape)}; {embodiment.name} expects [T, {embodiment.action_dim}], "
            f"columns {', '.join(embodiment.action_names)}, in unified SI units."
        )
    if not np.isfinite(actions).all():
        raise UsageError("actions hold NaN or infinite values; expected finite numbers in unified SI units.")
    return make_job(
        "forward_dynamics",
        frame[None],
        state_rows_of(embodiment, request.state),
        embodiment.normalize(actions),
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
