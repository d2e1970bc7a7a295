"""What a call costs whose instruction was never seen before, on a model that was warmed up with another one."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from cosmos_policy.bench.measure import Spread
from cosmos_policy.engine.request import Engine, EngineRequest
from cosmos_policy.engine.text import FILLER

#: at most so many; each has a length of its own, and is asked once
NEW_PROMPTS = 20


def measure_new_prompts(engine: Engine, request: EngineRequest, calls: int) -> Spread:
    """Milliseconds of :meth:`Engine.run`, from the prepared request to its answer; every prompt is a new one."""
    engine.warm_up([request])
    cuda = engine.device.type == "cuda"
    totals = []
    for number in range(1, min(calls, NEW_PROMPTS) + 1):
        asked = replace(request, prompt=f"{request.prompt}{FILLER * number}")
        started = time.perf_counter()
        engine.run([asked])
        if cuda:
            torch.cuda.synchronize(engine.device)
        totals.append(1e3 * (time.perf_counter() - started))
    return Spread.of(totals)
