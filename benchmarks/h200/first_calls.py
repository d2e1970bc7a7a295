"""What warming up takes, and what the first calls with a new prompt cost after it."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from benchmarks.h200.cases import DEVICE, DTYPE, POLICY, SMALL_POLICY, Networks, let_go
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import make_request
from cosmos_policy.engine.attention import Choice, candidates
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.paths import Paths

#: beside the chosen one: what there is without the extra "gpu"
OTHER = "cudnn"
#: tokens of prompts that were never seen: another room, the same room again, and more than was warmed up for
LENGTHS = (187, 211, 600)


def run(journal: Journal, networks: Networks) -> None:
    for size, case in (("nano", POLICY), ("edge", SMALL_POLICY)):
        parts = networks.get(size)
        for choice in (None, *(Choice.only(one) for one in candidates() if one.name == OTHER)):
            started = time.perf_counter()
            engine = NativeEngine(parts, DEVICE, DTYPE, paths=Paths(attention=choice))
            took = {"made_s": round(time.perf_counter() - started, 1)}
            request = make_request(case, parts.tokenizer)
            started = time.perf_counter()
            engine.warm_up([request])
            took["warm_up_s"] = round(time.perf_counter() - started, 1)
            took["recorded"] = engine.recordings
            took["warm_ms"] = [_ms(engine, replace(request, seed=seed)) for seed in range(3)]
            for tokens in LENGTHS:
                other = make_request(replace(case, text_tokens=tokens), parts.tokenizer)
                took[f"a prompt of {tokens} tokens, ms"] = [_ms(engine, other) for _ in range(2)]
            took["recorded after"] = engine.recordings
            journal.note(f"{size}, {case.name}, {'chosen: ' if choice is None else ''}{engine.name}", **took)
            del engine
            let_go()
        del parts


def _ms(engine: NativeEngine, request) -> float:
    started = time.perf_counter()
    engine.run([request])
    torch.cuda.synchronize()
    return round(1e3 * (time.perf_counter() - started), 1)
