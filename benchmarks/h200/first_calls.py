"""What the first calls with a new prompt cost, after a warm-up with another one."""

from __future__ import annotations

import time
from dataclasses import replace

import torch

from benchmarks.h200.cases import DEVICE, DTYPE, POLICY, SMALL_POLICY, let_go
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import make_request
from cosmos_policy.bench.sizes import random_parts
from cosmos_policy.engine.attention import Choice, candidates
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.paths import Paths
from cosmos_policy.local_model import WARM_UP_ROUNDS

ATTENTIONS = ("flash-attn-4", "cudnn")
LENGTHS = (187, 211)


def run(journal: Journal) -> None:
    for size, case in (("edge", SMALL_POLICY), ("nano", POLICY)):
        parts = random_parts(size, DEVICE, DTYPE)
        for attention in (one for one in candidates() if one.name in ATTENTIONS):
            engine = NativeEngine(parts, DEVICE, DTYPE, paths=Paths(attention=Choice.only(attention)))
            request = make_request(case, parts.tokenizer)
            took = {"warm_up": [_ms(engine, request) for _ in range(WARM_UP_ROUNDS)]}
            took["warm"] = [_ms(engine, replace(request, seed=seed)) for seed in range(3)]
            for tokens in LENGTHS:
                other = make_request(replace(case, text_tokens=tokens), parts.tokenizer)
                took[f"a prompt of {tokens} tokens"] = [_ms(engine, other) for _ in range(4)]
            journal.note(f"{size}, {case.name}, {attention.name}", milliseconds=took)
            del engine
            let_go()
        del parts
        let_go()


def _ms(engine: NativeEngine, request) -> float:
    started = time.perf_counter()
    engine.run([request])
    torch.cuda.synchronize()
    return round(1e3 * (time.perf_counter() - started), 1)
