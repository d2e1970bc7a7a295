"""The issue's table: both engines on the same weights, diffusers, then ours, then ours in fp8."""

from __future__ import annotations

from dataclasses import asdict

import torch

from benchmarks.h200.cases import (
    DEVICE,
    DTYPE,
    FIRST_STEP,
    FORWARD,
    GENERATE,
    INVERSE,
    JOINT,
    POLICY,
    WIDE,
    let_go,
)
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import Call, Case, make_call
from cosmos_policy.bench.floor import measure_chip
from cosmos_policy.bench.measure import measure
from cosmos_policy.bench.sizes import random_parts
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine

#: calls of diffusers' pipeline and of ours, and calls before them that do not count
DIFFUSERS = {POLICY: (20, 1), WIDE: (10, 0), FORWARD: (10, 1), INVERSE: (10, 0), GENERATE: (1, 0)}
NATIVE = dict.fromkeys((POLICY, FIRST_STEP, WIDE, FORWARD, INVERSE, JOINT), (20, 2)) | {GENERATE: (1, 1)}
BATCHES = {4: (3, 0), 16: (1, 0)}


def run(journal: Journal) -> None:
    parts = random_parts("nano", DEVICE, DTYPE)
    journal.note("chip", **asdict(measure_chip(DEVICE, DTYPE)))
    calls: dict[Case, Call] = {case: make_call(case, parts.tokenizer) for case in NATIVE}
    reference = ReferenceEngine(parts, DEVICE, DTYPE)
    for case, counts in DIFFUSERS.items():
        journal.measured(case.name, measure(reference, [calls[case]], *counts))
    del reference
    native = NativeEngine(parts, DEVICE, DTYPE)
    for case, counts in NATIVE.items():
        journal.measured(case.name, measure(native, [calls[case]], *counts))
    for size, counts in BATCHES.items():
        batch = [make_call(POLICY, parts.tokenizer, seed) for seed in range(size)]
        journal.measured(POLICY.name, measure(native, batch, *counts))
    del native
    let_go()
    eight = NativeEngine(parts, DEVICE, DTYPE, fp8=True)
    for case in (POLICY, FIRST_STEP):
        journal.measured(case.name + ", fp8", measure(eight, [calls[case]], *NATIVE[case]))
    journal.note("fp8 weights", gib=torch.cuda.memory_allocated() / 2**30)
