"""The issue's table: ours, then diffusers, on the same weights, call by call; then batches, fp8, and the long video."""

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
    Networks,
    let_go,
)
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import Case, make_call
from cosmos_policy.bench.floor import measure_chip
from cosmos_policy.bench.measure import measure
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.weights import Parts

#: calls that count, and calls before them that do not
COUNTS, LONG = (20, 2), (2, 1)
NATIVE = (POLICY, FIRST_STEP, WIDE, INVERSE, FORWARD, JOINT)
DIFFUSERS = (WIDE, INVERSE, FORWARD, POLICY)
BATCHES = {4: (3, 0), 16: (1, 0)}


def run(journal: Journal, networks: Networks) -> None:
    parts = networks.get("nano")
    journal.note("chip", **asdict(measure_chip(DEVICE, DTYPE)))
    native = NativeEngine(parts, DEVICE, DTYPE)
    _measure(journal, native, parts, NATIVE, COUNTS)
    reference = ReferenceEngine(parts, DEVICE, DTYPE)
    _measure(journal, reference, parts, DIFFUSERS, COUNTS)
    for size, counts in BATCHES.items():
        batch = [make_call(POLICY, parts.tokenizer, seed) for seed in range(size)]
        journal.measured(POLICY.name, measure(native, batch, *counts))
    _measure(journal, native, parts, (GENERATE,), LONG)
    _measure(journal, reference, parts, (GENERATE,), LONG)
    del native, reference
    let_go()
    eight = NativeEngine(parts, DEVICE, DTYPE, fp8=True)
    _measure(journal, eight, parts, (POLICY, FIRST_STEP), COUNTS, ", fp8")
    journal.note("fp8 weights", gib=torch.cuda.memory_allocated() / 2**30)
    del parts, eight
    networks.drop()


def _measure(
    journal: Journal, engine, parts: Parts, cases: tuple[Case, ...], counts: tuple[int, int], more: str = ""
) -> None:
    for case in cases:
        journal.measured(case.name + more, measure(engine, [make_call(case, parts.tokenizer)], *counts))
