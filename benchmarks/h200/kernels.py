"""One guided step on the same weights: plain torch, our kernels, recorded or not, and torch.compile."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from benchmarks.h200.cases import DEVICE, DTYPE, POLICY, SMALL_POLICY, Networks, let_go
from benchmarks.h200.compiled import AutotunedStream, CompiledStream
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import Case, make_request
from cosmos_policy.bench.measure import Spread
from cosmos_policy.bench.parity import relative_distance
from cosmos_policy.engine.attention import Choice, choose_attention
from cosmos_policy.engine.kernels import TritonOperations
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.operations import PlainOperations
from cosmos_policy.engine.paths import Paths
from cosmos_policy.engine.weights import Parts

CALLS, ALL_TOKENS = 20, 1 << 30


@dataclass(frozen=True)
class Variant:
    """A name, and the paths that it takes beside the attention that all share."""

    name: str
    paths: Paths


PLAIN, KERNELS = PlainOperations(), TritonOperations()
VARIANTS = (
    Variant("our kernels", Paths(operations=KERNELS, recorded_tokens=0)),
    Variant("torch.compile", Paths(operations=PLAIN, stream=CompiledStream, recorded_tokens=0)),
    Variant("our kernels, CUDA graph", Paths(operations=KERNELS, recorded_tokens=ALL_TOKENS)),
    Variant("torch.compile, CUDA graph", Paths(operations=PLAIN, stream=CompiledStream, recorded_tokens=ALL_TOKENS)),
)
MORE_VARIANTS = (
    Variant("plain torch", Paths(operations=PLAIN, recorded_tokens=0)),
    Variant("plain torch, CUDA graph", Paths(operations=PLAIN, recorded_tokens=ALL_TOKENS)),
)
#: products are timed as well: compiling takes longest, so it comes last
AUTOTUNED = Variant(
    "torch.compile, max-autotune, CUDA graph",
    Paths(operations=PLAIN, stream=AutotunedStream, recorded_tokens=ALL_TOKENS),
)


def run(journal: Journal, networks: Networks) -> None:
    _measure_all(journal, networks, "nano", POLICY, VARIANTS)


def run_more(journal: Journal, networks: Networks) -> None:
    """A small network, and what is slower."""
    _measure_all(journal, networks, "edge", SMALL_POLICY, (*VARIANTS, *MORE_VARIANTS))
    _measure_all(journal, networks, "nano", POLICY, (*MORE_VARIANTS, AUTOTUNED))


def _measure_all(journal: Journal, networks: Networks, size: str, case: Case, variants: tuple[Variant, ...]) -> None:
    parts = networks.get(size)
    config = parts.transformer.config
    attention = choose_attention(DEVICE, DTYPE, config.num_attention_heads, config.num_key_value_heads, config.head_dim)
    first_rows = None
    for variant in variants:
        rows = _measure(journal, f"{size}, {case.name}", case, variant, attention, parts, first_rows)
        first_rows = rows if first_rows is None else first_rows


def _measure(
    journal: Journal,
    name: str,
    case: Case,
    variant: Variant,
    attention: Choice,
    parts: Parts,
    first_rows: np.ndarray | None,
) -> np.ndarray:
    """Time the first of two steps: guided, and its every velocity is read. Returns the answer's rows."""
    torch.compiler.reset()
    engine = NativeEngine(parts, DEVICE, DTYPE, paths=replace(variant.paths, attention=attention))
    # Two steps, because the last one of a call without video reads few velocities.
    sampling = replace(case.sampling, num_inference_steps=2, guidance_steps=1)
    request = make_request(replace(case, sampling=sampling), parts.tokenizer)
    started = time.perf_counter()
    engine.run([request])
    torch.cuda.synchronize()
    first_s = time.perf_counter() - started
    for _ in range(2):
        engine.run([request])
    results = [engine.run([request]) for _ in range(CALLS)]
    step = Spread.of([result[0].step_ms[0] for result in results])
    rows = results[-1][0].rows
    apart = 0.0 if first_rows is None else relative_distance(rows, first_rows)
    journal.note(
        f"{name}: {variant.name}",
        attention=attention.name,
        step_p50_ms=step.p50,
        step_p99_ms=step.p99,
        calls=CALLS,
        first_call_s=first_s,
        distance_from_first=apart,
    )
    del engine
    let_go()
    return rows
