"""The reference engine: diffusers' own ``Cosmos3OmniPipeline``, fed with exactly what training fed.

It runs one request at a time, encodes every frame and recomputes the text at every step. What it answers is the
yardstick for anything faster.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count, pairwise
from typing import Any

import diffusers
import numpy as np
import torch
from diffusers import Cosmos3OmniPipeline, CosmosActionCondition
from PIL import Image

from cosmos_policy.engine.request import WARM_UP_ROUNDS, EngineRequest, EngineResult, OnStep, Rest
from cosmos_policy.engine.sound import SoundDecoder
from cosmos_policy.engine.text import check_prompt_length, prompt_token_ids, system_prompt_for
from cosmos_policy.engine.weights import Parts
from cosmos_policy.errors import UsageError

FRAMES_PER_LATENT = 4


@dataclass
class ExactCondition(CosmosActionCondition):
    """diffusers' action condition with the width and the frames taken from the request.

    diffusers looks the width up by domain, so it knows neither 8 columns for DROID joints nor any LIBERO layout; and
    it fits frames to the canvas in its own way. Here both come as they were in training.
    """

    request: EngineRequest | None = None

    def __post_init__(self) -> None:
        self.raw_action_dim = self.request.rows.shape[1]


class ExactPipeline(Cosmos3OmniPipeline):
    """diffusers' pipeline with our prompt, canvas and padding in the place of its own."""

    _request: EngineRequest
    encode_s: float

    def tokenize_prompt(self, prompt, negative_prompt=None, num_frames=0, **_):
        wanted, system = self.config.default_use_system_prompt, system_prompt_for(self._request)
        tokens = [
            prompt_token_ids(self.text_tokenizer, text, wanted, system) for text in (prompt, negative_prompt or "")
        ]
        for ids in tokens:
            check_prompt_length(ids, self._request.max_prompt_tokens)
        return tokens[0], tokens[1]

    def _prepare_action_video_conditioning(self, conditioning_clip, resolution_tier, num_frames, device, dtype):
        request, fit = self._request, self._request.fit
        missing = num_frames - request.frames.shape[0]
        pixels = np.concatenate([request.frames, np.repeat(request.frames[-1:], missing, axis=0)])
        frames = torch.from_numpy(pixels).to(device).permute(3, 0, 1, 2)[None].to(dtype) / 127.5 - 1.0
        size = (fit.canvas_height, fit.canvas_width, fit.content_height, fit.content_width)
        return frames, torch.tensor(size, dtype=torch.float32), fit.canvas_height, fit.canvas_width

    def _encode_video(self, x):
        started = _now(x.device)
        latents = super()._encode_video(x)
        self.encode_s = _now(x.device) - started
        return latents

    def run(self, request: EngineRequest, on_step: Callable[[], None] | None = None) -> EngineResult:
        """One request through ``Cosmos3OmniPipeline.__call__``. on_step: called after each step."""
        self._request = request
        device = self._get_execution_device()
        sampling = request.sampling
        if "flow_shift" in self.scheduler.config:
            self.scheduler = type(self.scheduler).from_config(self.scheduler.config, flow_shift=sampling.flow_shift)
        steps: list[float] = []

        def note_step(pipeline, index, timestep, tensors):
            steps.append(_now(device))
            if on_step is not None:
                on_step()
            return tensors

        started = _now(device)
        self.encode_s = 0.0
        output = self(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            fps=request.fps,
            num_inference_steps=sampling.num_inference_steps,
            guidance_scale=sampling.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
            **(_video_arguments(request) if request.mode == "generate" else _action_arguments(request)),
            output_type="np" if request.video else "latent",
            callback_on_step_end=note_step,
            enable_safety_check=False,
        )
        finished = _now(device)
        rows = request.rows if output.action is None else output.action[0].float().numpy()
        timing = {
            "encode": 1e3 * self.encode_s,
            "denoise": 1e3 * (steps[-1] - started - self.encode_s),
            "decode": 1e3 * (finished - steps[-1]),
        }
        step_ms = tuple(1e3 * (after - before) for before, after in pairwise(steps))
        video = np.round(np.asarray(output.video) * 255).astype(np.uint8) if request.video else None
        sound = None if output.sound is None else output.sound.float().cpu().numpy()
        return EngineResult(rows, video, timing, step_ms, sound)


def _action_arguments(request: EngineRequest) -> dict[str, Any]:
    condition = ExactCondition(
        mode=request.mode,
        chunk_size=request.rows.shape[0],
        domain_name=request.domain_name,
        raw_actions=torch.from_numpy(request.rows) if request.mode == "forward_dynamics" else None,
        # The pipeline only measures this stand-in; the frames themselves come from the request.
        image=torch.zeros(3, 64, 64),
        request=request,
    )
    return {"action": condition}


def _video_arguments(request: EngineRequest) -> dict[str, Any]:
    fit, arguments = request.fit, {}
    if len(request.frames) == 1:
        arguments = {"image": request.frames[0]}
    elif len(request.frames):
        known = range((len(request.frames) - 1) // FRAMES_PER_LATENT + 1)
        kept = [index for index in known if index not in request.open_frames]
        arguments = {
            "video": [Image.fromarray(frame) for frame in request.frames],
            "condition_frame_indexes_vision": kept,
        }
    return {
        "num_frames": request.num_frames,
        "height": fit.canvas_height,
        "width": fit.canvas_width,
        "enable_sound": request.sound_frames > 0,
        **arguments,
    }


class ReferenceEngine:
    """diffusers' pipeline behind the engine's interface. parts: a checkpoint's modules, on `device`."""

    def __init__(self, parts: Parts, device: torch.device, dtype: torch.dtype):
        self.device, self.dtype, self.transformer = device, dtype, parts.transformer
        self.name = f"diffusers {diffusers.__version__} Cosmos3OmniPipeline"
        self._pipeline = ExactPipeline(
            parts.transformer,
            parts.tokenizer,
            parts.vae,
            parts.scheduler,
            enable_safety_checker=False,
            default_use_system_prompt=parts.system_prompt,
            use_native_flow_schedule=parts.native_flow,
        )
        self._pipeline.set_progress_bar_config(disable=True)
        self._sound, self._distilled = SoundDecoder(parts.folder, device), parts.distilled_sigmas is not None

    def run(
        self, requests: Sequence[EngineRequest], on_step: OnStep | None = None, rest: Rest | None = None
    ) -> list[EngineResult]:
        """One after the other: the pipeline takes one sample a call. It encodes and decodes without a rest."""
        for request in requests:
            self._check(request)
        if any(request.sound_frames for request in requests):
            self._pipeline.register_modules(sound_tokenizer=self._sound.network())
        tell = None
        if on_step is not None:
            steps = sum(request.sampling.num_inference_steps for request in requests)
            done = count(1)

            def tell() -> None:
                on_step(next(done), steps)

        with torch.no_grad():
            return [self._pipeline.run(request, tell) for request in requests]

    def warm_up(self, requests: Sequence[EngineRequest], other_prompts: bool = True) -> None:
        """Run `requests`; other prompts need nothing else here."""
        for _ in range(WARM_UP_ROUNDS if self.device.type == "cuda" else 1):
            self.run(requests)

    def close(self) -> None:
        """Drop the weights."""
        self.transformer = self._pipeline = None

    def _check(self, request: EngineRequest) -> None:
        sampling = request.sampling
        if sampling.guidance_interval is not None or sampling.guidance_steps is not None:
            raise UsageError(
                "diffusers' pipeline guides every step: without guidance_interval and guidance_steps, or with "
                'engine="native", this runs.'
            )
        if request.controls is not None or self._distilled:
            what = "no control videos" if request.controls is not None else "no few-step checkpoint"
            raise UsageError(f'diffusers\' pipeline takes {what}; with engine="native" this runs.')
        partly_clean = request.mode != "forward_dynamics" and bool(request.clean_rows.any())
        if request.row_offset != 1 or partly_clean:
            raise UsageError(
                "diffusers' pipeline cannot hold a clean state row or an action prefix, so the reference engine cannot "
                'run an embodiment with state rows (droid_joint); use engine="native", or one without (droid).'
            )


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
