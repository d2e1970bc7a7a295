"""From a request to what an engine is asked: everything is checked before anything is computed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np

from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.errors import UsageError
from cosmos_policy.generator.checks import check_request, length_asked
from cosmos_policy.generator.controls import take_controls
from cosmos_policy.generator.formats import choose_size
from cosmos_policy.generator.pictures import cover, lengthen
from cosmos_policy.generator.prompts import Facts, complete_negative_prompt, complete_prompt, warn_if_long
from cosmos_policy.inputs import Fit
from cosmos_policy.types import GenerateRequest, Sampling, Transfer, check_frames

FRAMES_PER_LATENT = 4
SOUND_RATE_HZ = 48_000
#: sound latents are 25 a second in every published checkpoint
SAMPLES_PER_LATENT = 1920


@dataclass(frozen=True)
class Habits:
    """How one checkpoint generates. sampling: its defaults, nothing None but the guidance limits. distilled_sigmas: the
    noise levels that it was distilled to; None for most."""

    checkpoint: str
    revision: str
    sampling: Sampling
    distilled_sigmas: tuple[float, ...] | None = None

    def sampling_for(self, asked: Sampling) -> Sampling:
        """`asked` with nothing open."""
        if self.distilled_sigmas is None:
            return asked.over(self.sampling)
        steps = len(self.distilled_sigmas)
        if asked.num_inference_steps not in (None, steps) or asked.guidance_scale not in (None, 1.0):
            raise UsageError(
                f"{self.checkpoint} was distilled to {steps} steps without guidance: leave num_inference_steps and "
                f"guidance_scale out, or give {steps} and 1."
            )
        return asked.over(replace(self.sampling, num_inference_steps=steps, guidance_scale=1.0))


@dataclass(frozen=True)
class Job:
    """What one request becomes.

    chunks: engine requests, one after the other; all but the first begin with the last `overlap` frames of the one
    before. num_frames: of the whole answer. samples: of sound; 0 without.
    """

    chunks: tuple[EngineRequest, ...]
    overlap: int
    num_frames: int
    samples: int
    info: Mapping[str, Any]
    started_s: float
    prepared_ms: float

    @property
    def steps(self) -> int:
        return sum(chunk.sampling.num_inference_steps for chunk in self.chunks)


def make_job(request: GenerateRequest, habits: Habits, engine: str) -> Job:
    """Check everything, bring pictures to size, write the prompts. engine: its name, for the answer's `info`."""
    started_s = time.perf_counter()
    check_request(request)
    _check_checkpoint(request, habits)
    width, height = size = choose_size(request, habits.sampling.resolution_tier)
    fps, count = float(request.fps), int(length_asked(request))
    sampling = habits.sampling_for(request.sampling)
    transfer = request.transfer
    facts = Facts(count, fps, width, height, request.duration_template, request.resolution_template)
    # Training captions of transfers carry these facts already, and are read as they are.
    told = transfer is None
    prompt = complete_prompt(request.prompt, facts) if told else request.prompt
    negative = complete_negative_prompt(request.negative_prompt, facts) if told else request.negative_prompt
    warn_if_long(request.prompt)
    latents = 1 + -(-(count - 1) // FRAMES_PER_LATENT)
    known, open_frames = _known_frames(request, size, latents)
    samples = round(count / fps * SOUND_RATE_HZ) if request.sound else 0
    base = EngineRequest(
        mode="generate",
        prompt=prompt,
        frames=known,
        fit=Fit(height, width, height, width, None),
        num_frames=1 + FRAMES_PER_LATENT * (latents - 1),
        rows=np.zeros((0, 0), np.float32),
        clean_rows=np.zeros(0, bool),
        row_offset=1,
        domain_name="no_action",
        domain_id=0,
        fps=fps,
        sampling=sampling,
        seed=int(request.seed),
        video=True,
        negative_prompt=negative,
        open_frames=open_frames,
        sound_frames=-(-samples // SAMPLES_PER_LATENT),
        max_prompt_tokens=request.max_prompt_tokens,
    )
    chunks, overlap = ((base,), 0) if transfer is None else _chunks(base, transfer, size, count)
    prepared_ms = 1e3 * (time.perf_counter() - started_s)
    return Job(chunks, overlap, count, samples, _info(request, base, count, habits, engine), started_s, prepared_ms)


def _info(request: GenerateRequest, base: EngineRequest, count: int, habits: Habits, engine: str) -> dict[str, Any]:
    """Enough to make it again."""
    info = {
        "mode": _mode(request, count),
        "checkpoint": habits.checkpoint,
        "revision": habits.revision,
        "engine": engine,
        "prompt": base.prompt,
        "negative_prompt": base.negative_prompt,
        "seed": base.seed,
        "size": f"{base.fit.canvas_width}x{base.fit.canvas_height}",
        "num_frames": count,
        "fps": base.fps,
        "sound": request.sound,
        "sampling": replace(base.sampling, resolution_tier=None),  # the size says it
    }
    if request.transfer is not None:
        info |= {"controls": sorted(request.transfer.videos), "control_guidance": request.transfer.guidance}
    return info


def _check_checkpoint(request: GenerateRequest, habits: Habits) -> None:
    """Few-step checkpoints make pictures and videos alone, without guidance (diffusers' distilled pipeline)."""
    if habits.distilled_sigmas is None:
        return
    asked = {
        "sound": request.sound,
        "control videos": request.transfer is not None,
        "negative prompt": bool(request.negative_prompt),
    }
    for name, there in asked.items():
        if there:
            raise UsageError(f"{habits.checkpoint} is a few-step checkpoint and takes no {name}; leave it out.")


def _known_frames(request: GenerateRequest, size: tuple[int, int], latents: int) -> tuple[np.ndarray, tuple[int, ...]]:
    """The frames that are given, uint8 [1 + 4 n, height, width, 3] or none; latent frames among them that are made."""
    if request.image is not None:
        return cover(check_frames(request.image, "image", 3)[None], size, "image"), ()
    if request.transfer is not None:
        return _start(request, size), ()
    if request.video is None:
        return np.zeros((0, size[1], size[0], 3), np.uint8), ()
    kept = tuple(request.condition_frames)
    if not kept or not all(isinstance(index, Integral) and 0 <= index < latents for index in kept):
        raise UsageError(
            f"condition_frames is {kept}; expected latent frames of the made video, from 0 to {latents - 1}, such as "
            "(0, 1)."
        )
    if len(set(kept)) == latents:
        raise UsageError(f"condition_frames keeps all {latents} latent frames, so nothing is left to make.")
    needed = FRAMES_PER_LATENT * max(kept) + 1
    video = check_frames(request.video, "video", 4)
    if len(video) < needed:
        raise UsageError(f"video has {len(video)} frames; condition_frames {kept} needs at least {needed}.")
    part = video[:needed] if request.condition_from == "first" else video[-needed:]
    return cover(part, size, "video"), tuple(sorted(set(range(max(kept))) - set(kept)))


def _start(request: GenerateRequest, size: tuple[int, int]) -> np.ndarray:
    count = request.transfer.start_frames
    if count == 0:
        return np.zeros((0, size[1], size[0], 3), np.uint8)
    _check_whole(count, "transfer.start_frames")
    video = check_frames(request.video, "video", 4)
    if len(video) < count:
        raise UsageError(f"video has {len(video)} frames; transfer.start_frames is {count}.")
    return cover(video[:count], size, "video")


def _chunks(
    base: EngineRequest, transfer: Transfer, size: tuple[int, int], count: int
) -> tuple[tuple[EngineRequest, ...], int]:
    """The transfer cut into chunks as diffusers' modular pipeline cuts it; the last one is filled by playing its
    controls backwards."""
    controls = take_controls(transfer, size, count)
    asked = count if transfer.chunk_frames is None else transfer.chunk_frames
    long = 1 if count == 1 else 1 + FRAMES_PER_LATENT * -(-(int(asked) - 1) // FRAMES_PER_LATENT)
    overlap = transfer.overlap_frames
    _check_whole(overlap, "transfer.overlap_frames")
    stride = long if count <= long else long - overlap
    if stride <= 0:
        raise UsageError(f"transfer.overlap_frames is {overlap}, and a chunk has {long} frames; expected fewer.")
    starts = range(0, max(count - long, 0) + stride, stride) if count > long else (0,)
    made = []
    for index, start in enumerate(starts):
        window = [lengthen(video[start : min(start + long, count)], long) for video in controls]
        made.append(
            replace(
                base,
                frames=base.frames if index == 0 else base.frames[:0],
                num_frames=long,
                controls=np.stack(window),
                control_guidance=float(transfer.guidance),
                control_interval=transfer.interval,
                noise_index=index,
            )
        )
    return tuple(made), overlap


def _check_whole(count: int, name: str) -> None:
    if not isinstance(count, Integral) or count < 1 or count % FRAMES_PER_LATENT != 1:
        raise UsageError(f"{name} is {count!r}; expected whole latent frames: 1, 5, 9, ...")


def _mode(request: GenerateRequest, count: int) -> str:
    if request.transfer is not None:
        return "transfer"
    given = "image" if request.image is not None else "video" if request.video is not None else "text"
    return f"{given}-to-{'image' if count == 1 else 'video'}"
