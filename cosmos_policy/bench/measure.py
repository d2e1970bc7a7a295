"""Warm calls, and what they took."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from cosmos_policy.bench.cases import Call
from cosmos_policy.engine.request import Engine


@dataclass(frozen=True)
class Spread:
    """Milliseconds over calls."""

    p50: float
    p99: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        return cls(float(np.percentile(values, 50)), float(np.percentile(values, 99)))


@dataclass(frozen=True)
class Measurement:
    """Calls of one engine on one batch. total: wall clock from the caller's inputs to the answer. stages: by name,
    "prepare" (on the host, before the engine) and "step" (each of "denoise") among them. peak_bytes: most device memory
    while they ran, weights included. calls, batch: how many, of how many requests. total_ms: of each call, in order."""

    engine: str
    total: Spread
    stages: dict[str, Spread]
    peak_bytes: int
    calls: int
    batch: int
    total_ms: tuple[float, ...] = ()

    @property
    def per_second(self) -> float:
        """Requests a second."""
        return 1e3 * self.batch / self.total.p50


def measure(engine: Engine, batch: Sequence[Call], calls: int, warm_up: int = 3) -> Measurement:
    """`calls` warm calls with the same inputs."""
    cuda = torch.cuda.is_available()
    for _ in range(warm_up):
        engine.run([prepare() for prepare in batch])
    if cuda:
        torch.cuda.reset_peak_memory_stats()
    totals, stages = [], {"prepare": []}
    for _ in range(calls):
        started = time.perf_counter()
        requests = [prepare() for prepare in batch]
        stages["prepare"].append(1e3 * (time.perf_counter() - started))
        result = engine.run(requests)[0]
        if cuda:
            torch.cuda.synchronize()
        totals.append(1e3 * (time.perf_counter() - started))
        for stage, took in result.timing.items():
            stages.setdefault(stage, []).append(took)
        for took in result.step_ms:
            stages.setdefault("step", []).append(took)
    peak = torch.cuda.max_memory_allocated() if cuda else 0
    spreads = {stage: Spread.of(values) for stage, values in stages.items()}
    return Measurement(engine.name, Spread.of(totals), spreads, peak, calls, len(batch), tuple(totals))
