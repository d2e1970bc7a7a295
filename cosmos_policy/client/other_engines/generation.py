"""Pictures and videos by another engine: what :mod:`cosmos_policy.generator` prepares, as one request of a form."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from cosmos_policy.client.other_engines.actions import running
from cosmos_policy.client.other_engines.asked import canvas_size, whole_rate
from cosmos_policy.client.other_engines.dialects import Dialect
from cosmos_policy.client.other_engines.endpoint import Endpoint
from cosmos_policy.client.other_engines.pictures import as_clip, as_png, read_clip, read_picture, read_sound
from cosmos_policy.client.other_engines.video_jobs import VideoJobs
from cosmos_policy.engine.request import EngineRequest, EngineResult, OnStep, Rest
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.generator.formats import LONGEST
from cosmos_policy.generator.jobs import SAMPLES_PER_LATENT

PICTURES = "/v1/images/generations"
#: The prompt is complete: nothing is to be put behind it.
NO_TEMPLATES = {"use_resolution_template": False, "use_duration_template": False}


class GenerationEngine:
    """What ``generator.run.run_jobs`` runs on. name: how answers call the engine. budget_s: seconds for an answer."""

    transformer = None
    device = None

    def __init__(self, name: str, endpoint: Endpoint, jobs: VideoJobs, model: str, dialect: Dialect, budget_s: float):
        self.name = name
        self._endpoint, self._jobs, self._model = endpoint, jobs, model
        self._dialect, self._budget_s = dialect, budget_s

    def run(
        self, requests: Sequence[EngineRequest], on_step: OnStep | None = None, rest: Rest | None = None
    ) -> list[EngineResult]:
        """Answers, in order. Videos are queued together; pictures are made one after the other. rest: is called between
        two answers."""
        for request in requests:
            _check(request)
        until_s = time.monotonic() + self._budget_s
        progress = _Progress([request.sampling.num_inference_steps for request in requests], on_step)
        with running(self._jobs) as start:
            begun = [None if each.num_frames == 1 else start(self._form(each), _upload(each)) for each in requests]
            results = []
            for place, (request, identity) in enumerate(zip(requests, begun, strict=True)):
                if place and rest is not None:
                    rest()
                if identity is None:
                    results.append(self._picture(request))
                    progress.note(place, 100)
                else:
                    self._jobs.finish(identity, until_s, lambda told, place=place: progress.note(place, told))
                    progress.note(place, 100)
                    results.append(self._video(request, identity))
        return results

    def close(self) -> None:
        """Nothing is held here."""

    def _form(self, request: EngineRequest) -> dict[str, Any]:
        extra = {**NO_TEMPLATES, **self._dialect.generation_extras(request.sampling)}
        if len(request.frames) > 1:
            latents = (len(request.frames) - 1) // 4 + 1
            extra["condition_frame_indexes_vision"] = sorted(set(range(latents)) - set(request.open_frames))
            extra["condition_video_keep"] = "first"
        form = {
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "size": canvas_size(request),
            "num_frames": min(request.num_frames, LONGEST),
            "fps": whole_rate(request.fps),
            "seed": request.seed,
            **self._dialect.sampling_fields(request.sampling),
            "extra_params": json.dumps(extra),
        }
        if request.sound_frames:
            form["generate_sound"] = "true"
        return form

    def _video(self, request: EngineRequest, identity: str) -> EngineResult:
        data = self._jobs.content(identity)
        frames = read_clip(data, self.name)
        if len(frames) < min(request.num_frames, LONGEST) or frames.shape[1:3] != request.frames.shape[1:3]:
            raise Failure(
                f"{self.name} sent {len(frames)} frames of {frames.shape[2]}x{frames.shape[1]} pixels; expected "
                f"{request.num_frames} of {canvas_size(request)}."
            )
        sound = None
        if request.sound_frames:
            # Sound is made in whole latents; whoever asked cuts it to the length of the frames.
            sound = read_sound(data, request.sound_frames * SAMPLES_PER_LATENT, self.name)
        return EngineResult(np.zeros((0, 0), np.float32), frames, sound=sound)

    def _picture(self, request: EngineRequest) -> EngineResult:
        extra = {"use_resolution_template": False, **self._dialect.generation_extras(request.sampling)}
        body = {
            "model": self._model,
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt,
            "n": 1,
            "size": canvas_size(request),
            "seed": request.seed,
            "response_format": "b64_json",
            "extra_args": extra,
            **self._dialect.sampling_fields(request.sampling),
        }
        answer = self._endpoint.json("POST", PICTURES, json=body)
        frame = read_picture(_first_picture(answer, self.name), self.name)
        if frame.shape[:2] != request.frames.shape[1:3]:
            raise Failure(
                f"{self.name} sent a picture of {frame.shape[1]}x{frame.shape[0]}; asked was {canvas_size(request)}."
            )
        return EngineResult(np.zeros((0, 0), np.float32), frame[None])


class _Progress:
    """Percents of several jobs as denoising steps of all of them."""

    def __init__(self, steps: Sequence[int], on_step: OnStep | None):
        self._steps, self._done, self._on_step = list(steps), [0] * len(steps), on_step

    def note(self, place: int, percent: int) -> None:
        done = self._steps[place] * percent // 100
        if self._on_step is not None and done > self._done[place]:
            self._done[place] = done
            self._on_step(sum(self._done), sum(self._steps))


def _check(request: EngineRequest) -> None:
    if request.controls is not None:
        raise UsageError("Control videos are not mapped to other engines: connect to a cosmos-policy server by ws://.")
    if request.max_prompt_tokens is not None:
        raise UsageError(
            "max_prompt_tokens cannot be kept there: other engines cut a long prompt in silence. Leave it out."
        )


def _upload(request: EngineRequest) -> Any:
    if not len(request.frames):
        return None
    return as_png(request.frames[0]) if len(request.frames) == 1 else as_clip(request.frames, request.fps)


def _first_picture(answer: Mapping[str, Any], name: str) -> bytes:
    try:
        return base64.b64decode(answer["data"][0]["b64_json"], validate=True)
    except (KeyError, IndexError, TypeError, ValueError):
        raise Failure(f"{name} sent no picture in base64; expected it under data[0].b64_json.") from None
