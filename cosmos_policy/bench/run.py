"""A whole bench: each case on each engine, on one set of weights."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from cosmos_policy.bench.cases import Case, make_call, make_request
from cosmos_policy.bench.floor import Chip, Floor, count_floor, measure_chip
from cosmos_policy.bench.measure import Measurement, Spread, measure
from cosmos_policy.bench.new_prompts import measure_new_prompts
from cosmos_policy.bench.parity import float32_rows, relative_error
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.request import Engine
from cosmos_policy.engine.text import prompt_token_ids, system_prompt_for
from cosmos_policy.engine.weights import Parts


@dataclass(frozen=True)
class Settings:
    """calls: warm calls per measurement. batch_sizes: requests at once, native engine only. compare: whether diffusers
    runs too. fp8: whether an fp8 engine runs too (it goes last: it lets the bf16 weights go). parity: whether answers
    are compared with float32 (needs memory for a second copy of the weights, twice as large)."""

    calls: int = 20
    batch_sizes: tuple[int, ...] = (1,)
    compare: bool = False
    fp8: bool = False
    parity: bool = False
    offload: str | None = None


@dataclass(frozen=True)
class Line:
    """One case on one engine. floor: None for engines other than ours. error: relative to float32, or None. new_prompt:
    the same call with instructions that were never seen; only of a robot's calls, alone, on our engine: diffusers reads
    every prompt anew in every call."""

    case: str
    measurement: Measurement
    floor: Floor | None = None
    error: float | None = None
    new_prompt: Spread | None = None


@dataclass(frozen=True)
class Bench:
    """All lines, and what they were measured on. float32_error: the native engine's in float32, where it was asked."""

    device: str
    dtype: str
    chip: Chip
    parameters: int
    float32_error: float | None = None
    lines: list[Line] = field(default_factory=list)


def run_bench(
    parts: Parts, device: torch.device, dtype: torch.dtype, cases: Sequence[Case], settings: Settings
) -> Bench:
    """diffusers first, on weights as it loads them; then the native engine; then it again in fp8."""
    name = torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
    parameters = sum(weight.numel() for weight in parts.transformer.parameters())
    exact, error = {}, None
    compared = [case for case in cases if settings.parity and _has_rows(case)]
    if compared:
        rows, error = float32_rows(parts, [make_request(case, parts.tokenizer) for case in compared])
        exact = dict(zip(compared, rows, strict=True))
    bench = Bench(name, str(dtype).removeprefix("torch."), measure_chip(device, dtype), parameters, error)
    if settings.compare:
        reference = ReferenceEngine(parts, device, dtype)
        for case in cases:
            if _diffusers_can(case):
                bench.lines.append(_line(reference, parts, case, 1, settings, None, exact))
        del reference
    for fp8 in (False, True) if settings.fp8 else (False,):
        engine = NativeEngine(parts, device, dtype, fp8=fp8, offload=settings.offload)
        for case in cases:
            for size in settings.batch_sizes:
                bench.lines.append(_line(engine, parts, case, size, settings, (bench.chip, fp8), exact))
        del engine
        gc.collect()
    return bench


def _has_rows(case: Case) -> bool:
    return case.call in ("policy", "inverse-dynamics") and _diffusers_can(case)


def _diffusers_can(case: Case) -> bool:
    sampling = case.sampling
    return case.embodiment != "droid_joint" and sampling.guidance_interval is None and sampling.guidance_steps is None


def _line(
    engine: Engine, parts: Parts, case: Case, size: int, settings: Settings, chip: tuple[Chip, bool] | None, exact
) -> Line:
    batch = [make_call(case, parts.tokenizer, seed) for seed in range(size)]
    measurement = measure(engine, batch, settings.calls)
    requests = [prepare() for prepare in batch]
    first, floor, new_prompt = requests[0], None, None
    if chip is not None:
        texts, negatives = (
            [len(prompt_token_ids(parts.tokenizer, prompt, parts.system_prompt, system_prompt_for(first)))] * size
            for prompt in (first.prompt, first.negative_prompt)
        )
        floor = count_floor(requests, texts, negatives, parts, *chip)
        if size == 1 and case.call != "generate":
            new_prompt = measure_new_prompts(engine, first, settings.calls)
    error = relative_error(engine, first, exact[case]) if case in exact and size == 1 else None
    return Line(case.name, measurement, floor, error, new_prompt)
