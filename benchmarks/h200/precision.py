"""How far bf16 answers are from float32: alone, in mixed batches, with each attention, and diffusers'."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from benchmarks.h200.cases import DEVICE, DTYPE, POLICY, SMALL_INVERSE, SMALL_POLICY, Networks, let_go
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import make_request
from cosmos_policy.bench.parity import in_float32, relative_distance
from cosmos_policy.engine.attention import Choice, candidates
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.paths import Paths
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.request import Engine, EngineRequest
from cosmos_policy.engine.weights import Parts

SMALL_SEEDS, LARGE_SEEDS = 8, 2
#: every request stands in so many batches of BATCH requests, of changing company
ROUNDS, BATCH = 3, 4
ATTENTIONS = ("flash-attn-4", "cudnn")


def run(journal: Journal, networks: Networks) -> None:
    parts = networks.get("nano")
    requests = _requests(parts)
    exact = _exact(journal, parts, requests)
    reference = ReferenceEngine(parts, DEVICE, DTYPE)
    theirs = _errors(_alone(reference, requests), exact)
    _tell(journal, "diffusers bf16", theirs)
    del reference
    there = {attention.name: attention for attention in candidates()}
    for name in ATTENTIONS:
        if name not in there:
            journal.note(f"native bf16, {name}", missing=True)
            continue
        engine = NativeEngine(parts, DEVICE, DTYPE, paths=Paths(attention=Choice.only(there[name])))
        once = _alone(engine, requests)
        alone = _errors(once, exact)
        again = max(relative_distance(*pair) for pair in zip(_alone(engine, requests), once, strict=True))
        _tell(journal, f"native bf16, {name}, alone", alone, the_same_again=again)
        _compare(journal, f"native bf16, {name}, alone against diffusers bf16", alone, theirs)
        batched = np.stack([_errors(_batched(engine, requests, seed), exact) for seed in range(ROUNDS)])
        _tell(journal, f"native bf16, {name}, in batches of {BATCH}", batched.mean(0), rounds=batched.tolist())
        _compare(journal, f"native bf16, {name}, in batches against alone", batched.mean(0), alone)
        del engine
        let_go()


def _requests(parts: Parts) -> list[EngineRequest]:
    """Different prompts, seeds, modes and sizes."""
    made = []
    for case, seeds in ((SMALL_POLICY, SMALL_SEEDS), (SMALL_INVERSE, SMALL_SEEDS), (POLICY, LARGE_SEEDS)):
        for seed in range(seeds):
            text_tokens = 120 + 60 * (seed % 4)
            made.append(make_request(replace(case, text_tokens=text_tokens), parts.tokenizer, seed))
    return made


def _exact(journal: Journal, parts: Parts, requests: Sequence[EngineRequest]) -> list[np.ndarray]:
    """Our engine's rows in float32, and how far diffusers' in float32 are on the first of each mode."""
    with in_float32(parts) as wide:
        native = NativeEngine(wide, DEVICE, wide.transformer.dtype)
        exact = _alone(native, requests)
        del native
        reference = ReferenceEngine(wide, DEVICE, wide.transformer.dtype)
        for place in (0, SMALL_SEEDS):
            theirs = reference.run([requests[place]])[0].rows
            journal.note(
                "float32: native against diffusers",
                mode=requests[place].mode,
                error=relative_distance(exact[place], theirs),
            )
        del reference, wide
    return exact


def _alone(engine: Engine, requests: Sequence[EngineRequest]) -> list[np.ndarray]:
    return [engine.run([request])[0].rows for request in requests]


def _batched(engine: Engine, requests: Sequence[EngineRequest], seed: int) -> list[np.ndarray]:
    order = list(range(len(requests)))
    random.Random(seed).shuffle(order)
    rows = {}
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        answers = engine.run([requests[place] for place in places])
        rows.update({place: answer.rows for place, answer in zip(places, answers, strict=True)})
    return [rows[place] for place in range(len(requests))]


def _errors(rows: Sequence[np.ndarray], exact: Sequence[np.ndarray]) -> np.ndarray:
    return np.array([relative_distance(*pair) for pair in zip(rows, exact, strict=True)])


def _tell(journal: Journal, name: str, errors: np.ndarray, **more) -> None:
    journal.note(
        name,
        mean=float(errors.mean()),
        deviation=float(errors.std(ddof=1)),
        errors=[float(f"{one:.5f}") for one in errors],
        **more,
    )


def _compare(journal: Journal, name: str, ours: np.ndarray, theirs: np.ndarray) -> None:
    """The paired difference, request by request, with its standard error."""
    difference = ours - theirs
    journal.note(
        name,
        mean_difference=float(difference.mean()),
        standard_error=float(difference.std(ddof=1) / len(difference) ** 0.5),
        further=int((difference > 0).sum()),
        of=len(difference),
    )
