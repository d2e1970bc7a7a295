"""The three action calls on another engine's video jobs: adapters, prompts, normalisers and checks are those of a model
in this process."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from cosmos_policy.calls import forward_dynamics, inverse_dynamics, policy
from cosmos_policy.calls.job import Habits, Job
from cosmos_policy.client.other_engines.asked import Asked
from cosmos_policy.client.other_engines.dialects import Dialect
from cosmos_policy.client.other_engines.pictures import read_clip, require_libraries
from cosmos_policy.client.other_engines.video_jobs import VideoJobs
from cosmos_policy.engine.request import EngineResult
from cosmos_policy.errors import Failure

CALLS = {"policy": policy, "inverse_dynamics": inverse_dynamics, "forward_dynamics": forward_dynamics}


class ActionCalls:
    """Action requests as video jobs. name: how sentences call the server. budget_s: seconds that an answer may take."""

    def __init__(self, name: str, jobs: VideoJobs, dialect: Dialect, habits: Habits, budget_s: float, about: dict):
        self._name, self._jobs, self._dialect = name, jobs, dialect
        self._habits, self._budget_s, self._about = habits, budget_s, about

    def run(self, call: str, requests: Sequence[Any]) -> list[Any]:
        """Answers, in order. All requests are prepared before any is sent, and all are queued before any is awaited."""
        require_libraries(clips=call != "policy" or any(request.video for request in requests))
        module = CALLS[call]
        asked = [self._prepared(module.prepare(request, self._habits), request) for request in requests]
        forms = [self._dialect.form(each) for each in asked]
        until_s = time.monotonic() + self._budget_s
        with running(self._jobs) as start:
            begun = [
                start({**form.fields, "extra_params": json.dumps(form.extra_params)}, form.upload) for form in forms
            ]
            results = [self._result(each, one, until_s) for each, one in zip(asked, begun, strict=True)]
        answers = zip(requests, asked, results, strict=True)
        return [module.finish(request, each.job, result) for request, each, result in answers]

    def _prepared(self, job: Job, request: Any) -> Asked:
        job = replace(job, info={**job.info, **self._about})
        if hasattr(request, "observation"):
            frames = job.embodiment.compose(request.observation.images)[None]
            return Asked(job, request, frames, request.observation.state)
        frames = request.frame[None] if hasattr(request, "frame") else request.frames
        return Asked(job, request, np.asarray(frames), request.state)

    def _result(self, asked: Asked, identity: str, until_s: float) -> EngineResult:
        engine = asked.engine
        finished = self._jobs.finish(identity, until_s)
        took = finished.get("inference_time_s")
        timing = {} if not isinstance(took, (int, float)) else {"engine": 1e3 * took}
        rows = engine.rows
        if engine.mode != "forward_dynamics":
            action = finished.get("action")
            if not isinstance(action, dict):
                raise Failure(f"{self._name} finished a job of {engine.mode} without an action.")
            rows = np.concatenate([engine.rows[: asked.job.past_rows], self._dialect.rows(asked, action, self._name)])
        video = None
        if engine.video:
            began_s = time.perf_counter()
            video = read_clip(self._jobs.content(identity), self._name)
            timing["transfer"] = 1e3 * (time.perf_counter() - began_s)
            expected = (engine.num_frames, engine.fit.visible_height, engine.fit.visible_width, 3)
            if video.shape != expected:
                raise Failure(f"{self._name} sent frames of shape {list(video.shape)}; expected {list(expected)}.")
        return EngineResult(rows.astype(np.float32), video, timing)


@contextlib.contextmanager
def running(jobs: VideoJobs) -> Iterator[Callable[..., str]]:
    """Gives what starts a job; none of them is left behind, whatever happens."""
    begun: list[str] = []

    def start(fields: dict[str, Any], upload: Any) -> str:
        begun.append(jobs.start(fields, upload))
        return begun[-1]

    try:
        yield start
    finally:
        for identity in begun:
            jobs.drop(identity)
