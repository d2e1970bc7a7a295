"""The reference engine: diffusers' own ``Cosmos3OmniPipeline``, fed with exactly what training fed.

It runs one request at a time, encodes every frame and recomputes the text at every step. What it answers is the
yardstick for anything faster.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import diffusers
import numpy as np
import torch
from diffusers import AutoencoderKLWan, Cosmos3OmniPipeline, CosmosActionCondition
from diffusers.utils import logging as diffusers_logging

from cosmos_policy.engine.request import EngineRequest, EngineResult
from cosmos_policy.engine.text import prompt_token_ids
from cosmos_policy.errors import UsageError


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

    def tokenize_prompt(self, prompt, negative_prompt=None, **_):
        system = self.config.default_use_system_prompt
        tokens = [prompt_token_ids(self.text_tokenizer, text, system) for text in (prompt, negative_prompt or "")]
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

    def run(self, request: EngineRequest) -> EngineResult:
        """One request through ``Cosmos3OmniPipeline.__call__``."""
        self._request = request
        device = self._get_execution_device()
        sampling = request.sampling
        if "flow_shift" in self.scheduler.config:
            self.scheduler = type(self.scheduler).from_config(self.scheduler.config, flow_shift=sampling.flow_shift)
        steps: list[float] = []

        def note_step(pipeline, index, timestep, tensors):
            steps.append(_now(device))
            return tensors

        started = _now(device)
        output = self(
            prompt=request.prompt,
            negative_prompt=request.negative_prompt,
            fps=request.fps,
            num_inference_steps=sampling.num_inference_steps,
            guidance_scale=sampling.guidance_scale,
            generator=torch.Generator("cpu").manual_seed(request.seed),
            action=ExactCondition(
                mode=request.mode,
                chunk_size=request.rows.shape[0],
                domain_name=request.domain_name,
                raw_actions=torch.from_numpy(request.rows) if request.mode == "forward_dynamics" else None,
                # The pipeline only measures this stand-in; the frames themselves come from the request.
                image=torch.zeros(3, 64, 64),
                request=request,
            ),
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
        video = np.round(np.asarray(output.video) * 255).astype(np.uint8) if request.video else None
        return EngineResult(rows, video, timing)


class ReferenceEngine:
    """diffusers' pipeline behind the engine's interface."""

    def __init__(self, folder: Path, device: torch.device, dtype: torch.dtype):
        self.device, self.dtype = device, dtype
        self.name = f"diffusers {diffusers.__version__} Cosmos3OmniPipeline"
        with _quiet_diffusers():
            self._pipeline = ExactPipeline.from_pretrained(
                folder, dtype=dtype, sound_tokenizer=None, safety_checker=None, enable_safety_checker=False
            ).to(device)
        self._pipeline.set_progress_bar_config(disable=True)
        vae: AutoencoderKLWan = self._pipeline.vae
        self.frames_per_latent = int(vae.config.scale_factor_temporal)

    def run(self, requests: Sequence[EngineRequest]) -> list[EngineResult]:
        """One after the other: the pipeline takes one sample a call."""
        for request in requests:
            self._check(request)
        with torch.no_grad():
            return [self._pipeline.run(request) for request in requests]

    def close(self) -> None:
        """Drop the weights."""
        self._pipeline = None

    def _check(self, request: EngineRequest) -> None:
        partly_clean = request.mode != "forward_dynamics" and bool(request.clean_rows.any())
        if request.row_offset != 1 or partly_clean:
            raise UsageError(
                "diffusers' pipeline cannot hold a clean state row or an action prefix, so the reference engine cannot "
                "run an embodiment with state rows (droid_joint); use one without (droid)."
            )


@contextmanager
def _quiet_diffusers():
    """diffusers' loading bar off while a pipeline is loaded, and as it was afterwards."""
    was_on = diffusers_logging.is_progress_bar_enabled()
    diffusers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            diffusers_logging.enable_progress_bar()


def _now(device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
