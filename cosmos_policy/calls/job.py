"""What every action call does on its way to the engine, and back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from numbers import Integral
from typing import Any

import numpy as np

import embodiments
from cosmos_policy.engine.request import EngineRequest, EngineResult, Mode
from cosmos_policy.errors import UsageError
from cosmos_policy.inputs import fit_frames, json_prompt, plain_prompt, prompt_facts
from cosmos_policy.types import ActionChunk, Sampling

FRAMES_PER_LATENT = 4
PROMPTS = {"json": json_prompt, "plain": plain_prompt}


@dataclass(frozen=True)
class Habits:
    """How one checkpoint wants to be called: its prompt's format, and its sampling defaults."""

    checkpoint: str
    prompt_format: str
    sampling: Sampling

    def sampling_for(self, embodiment: embodiments.Embodiment, sampling: Sampling) -> Sampling:
        """`sampling` with nothing None: what the caller left open comes from the checkpoint, then the embodiment."""
        tier = replace(self.sampling, resolution_tier=self.sampling.resolution_tier or embodiment.resolution_tier)
        return sampling.over(tier)


@dataclass(frozen=True)
class Job:
    """One engine request, and what is needed to read its result. past_rows: rows in front of the chunk."""

    request: EngineRequest
    embodiment: embodiments.Embodiment
    info: Mapping[str, Any]
    past_rows: int
    started_s: float
    prepared_ms: float


def find_embodiment(embodiment: Any) -> embodiments.Embodiment:
    """`embodiment` itself, or the one of that name; a :class:`UsageError` where it is neither."""
    if isinstance(embodiment, str):
        return embodiments.get(embodiment)
    if not isinstance(embodiment, embodiments.Embodiment):
        raise UsageError(
            f"embodiment is a {type(embodiment).__name__}; expected a name (cosmos-policy embodiments lists them), the "
            "path of a robot file, or an Embodiment."
        )
    return embodiment


def state_rows_of(embodiment: embodiments.Embodiment, state: Mapping[str, np.ndarray] | None) -> np.ndarray:
    """The clean rows [h, D], in model space, that stand in front of the actions; none for most embodiments."""
    if not embodiment.state_rows:
        return np.zeros((0, embodiment.action_dim))
    if not state:
        raise UsageError(f"{embodiment.name} has a state row in front of its actions: give the robot's state as well.")
    return embodiment.normalize(embodiment.encode_state(state))


def action_rows(embodiment: embodiments.Embodiment, actions: np.ndarray, name: str) -> np.ndarray:
    """`actions`, [T, D] in unified SI units, in model space; a :class:`UsageError` that calls them `name` otherwise."""
    try:
        array = np.asarray(actions, dtype=np.float64)
    except (TypeError, ValueError):
        raise UsageError(f"{name} holds no table of numbers; expected [T, {embodiment.action_dim}].") from None
    if array.ndim != 2 or array.shape[1] != embodiment.action_dim:
        raise UsageError(
            f"{name} has shape {list(array.shape)}; {embodiment.name} expects [T, {embodiment.action_dim}], "
            f"columns {', '.join(embodiment.action_names)}, in unified SI units."
        )
    if not np.isfinite(array).all():
        raise UsageError(f"{name} holds NaN or infinite values; expected finite numbers in unified SI units.")
    return embodiment.normalize(array)


def make_job(
    mode: Mode,
    frames: np.ndarray,
    past_rows: np.ndarray,
    actions: np.ndarray | int,
    *,
    prefix: np.ndarray | None = None,
    instruction: str | None,
    embodiment: embodiments.Embodiment,
    seed: int,
    sampling: Sampling,
    habits: Habits,
    video: bool,
    started_s: float,
) -> Job:
    """Fit the frames, write the prompt, settle the sampling.

    frames: uint8 [F, H, W, 3], the known frames. past_rows: [h, D], history and state, clean, in model space.
    actions: [T, D], clean, in model space; or T, where they are the model's to say. prefix: [p, D], in model space:
    the first of those T, which are known.
    """
    if not isinstance(seed, Integral) or not -(2**63) <= seed < 2**63:
        raise UsageError(f"seed is {seed!r}; expected a whole number of 64 bits.")
    known = isinstance(actions, np.ndarray)
    steps = len(actions) if known else actions
    if not isinstance(steps, Integral) or steps < 1 or steps % FRAMES_PER_LATENT:
        raise UsageError(
            f"A chunk of {steps} actions does not fill whole latent frames; "
            f"expected a positive multiple of {FRAMES_PER_LATENT}, as {embodiment.name}'s {embodiment.chunk_size}."
        )
    begun = np.zeros((0, embodiment.action_dim)) if prefix is None else prefix
    if len(begun) >= steps:
        raise UsageError(f"A prefix of {len(begun)} actions leaves nothing of a chunk of {steps} to predict.")
    open_rows = np.zeros((steps - len(begun), embodiment.action_dim))
    rows = np.concatenate([past_rows, actions] if known else [past_rows, begun, open_rows])
    clean_rows = np.arange(len(rows)) < (len(rows) if known else len(past_rows) + len(begun))
    sampling = habits.sampling_for(embodiment, sampling)
    canvas, fit = fit_frames(frames, sampling.resolution_tier)
    text = instruction if instruction is not None else embodiment.instruction_default
    facts = prompt_facts(embodiment, text, steps + 1, (fit.canvas_height, fit.canvas_width))
    prompt = PROMPTS[habits.prompt_format](facts, mode)
    request = EngineRequest(
        mode=mode,
        prompt=prompt,
        frames=canvas,
        fit=fit,
        num_frames=steps + 1,
        rows=np.ascontiguousarray(rows, dtype=np.float32),
        clean_rows=clean_rows,
        row_offset=1 - len(past_rows),
        domain_name=embodiment.domain_name,
        domain_id=embodiment.domain_id,
        fps=float(embodiment.fps),
        sampling=sampling,
        seed=int(seed),
        video=video,
    )
    info = {
        "embodiment": embodiment.name,
        "checkpoint": habits.checkpoint,
        "normalizer": embodiment.normalizer.describe(),
        "seed": seed,
        "prompt": prompt,
        "sampling": sampling,
    }
    now = time.perf_counter()
    return Job(request, embodiment, info, len(past_rows), started_s, 1e3 * (now - started_s))


def timing_of(job: Job, result: EngineResult) -> dict[str, float]:
    """stage -> milliseconds: preparing here, the engine's stages, and the whole as the caller felt it."""
    total = 1e3 * (time.perf_counter() - job.started_s)
    return {"prepare": job.prepared_ms, **result.timing, "total": total}


def chunk_of(job: Job, result: EngineResult, state: Mapping[str, np.ndarray] | None, stamp: float) -> ActionChunk:
    """The engine's rows as a chunk of this robot; absolute commands where the state it starts from is known."""
    embodiment = job.embodiment
    model = result.rows[job.past_rows :]
    unified = embodiment.denormalize(np.asarray(model, dtype=np.float64))
    commands = {} if state is None else embodiment.decode(unified, state)
    dt = 1.0 / embodiment.fps
    return ActionChunk(
        model=model,
        unified=unified,
        commands=commands,
        dt=dt,
        stamp=stamp,
        valid_until=stamp + len(model) * dt,
        video=result.video,
        timing=timing_of(job, result),
        info=job.info,
    )
