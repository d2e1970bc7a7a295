"""policy: an observation and an instruction in, the next actions out."""

from __future__ import annotations

import time

import numpy as np

from cosmos_policy.calls.job import Habits, Job, action_rows, chunk_of, find_embodiment, make_job, state_rows_of
from cosmos_policy.engine.request import EngineResult
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, Observation, PolicyRequest


def prepare(request: PolicyRequest, habits: Habits) -> Job:
    """Compose the views, put the state row in front where the embodiment has one, leave all other rows to the model."""
    started_s = time.perf_counter()
    observation = request.observation
    if not isinstance(observation, Observation):
        raise UsageError(f"policy needs an Observation(images=..., state=...), not {type(observation).__name__}.")
    if not isinstance(request.instruction, str):
        raise UsageError(f"policy needs the instruction as a string, not {type(request.instruction).__name__}.")
    embodiment = find_embodiment(request.embodiment)
    past = state_rows_of(embodiment, observation.state)
    if request.history is not None:
        past = np.concatenate([action_rows(embodiment, request.history, "history"), past])
    return make_job(
        "policy",
        embodiment.compose(observation.images)[None],
        past,
        embodiment.chunk_size if request.chunk_size is None else request.chunk_size,
        prefix=None if request.prefix is None else action_rows(embodiment, request.prefix, "prefix"),
        instruction=request.instruction,
        embodiment=embodiment,
        seed=request.seed,
        sampling=request.sampling,
        habits=habits,
        video=request.video,
        started_s=started_s,
    )


def finish(request: PolicyRequest, job: Job, result: EngineResult) -> ActionChunk:
    """Denormalise, and decode to commands anchored to the observation."""
    return chunk_of(job, result, request.observation.state, request.observation.stamp)
