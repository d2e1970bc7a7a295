"""Measures Nano at full size, with random weights, against diffusers: the figures of docs/engine.md."""

from __future__ import annotations

import argparse
import gc
import json
import logging
import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path

import torch

from cosmos_policy.bench.cases import POLICY_SAMPLING, Case, make_request
from cosmos_policy.bench.floor import measure_chip
from cosmos_policy.bench.measure import Measurement, measure
from cosmos_policy.bench.parity import float32_rows, relative_distance, relative_error
from cosmos_policy.bench.sizes import random_parts
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.weights import Parts, load_parts
from cosmos_policy.types import Sampling

DEVICE, DTYPE = torch.device("cuda"), torch.bfloat16
FIRST = replace(POLICY_SAMPLING, guidance_steps=1)
VIDEO = Sampling(num_inference_steps=35, guidance_scale=6.0, flow_shift=5.0, resolution_tier=256)
SMALL = replace(POLICY_SAMPLING, resolution_tier=256)
SMALL_CARD_BYTES = 24 << 30

POLICY = Case("policy, 32 actions", "policy", chunk_size=32)
FIRST_STEP = replace(POLICY, name="policy, guided at the first step", sampling=FIRST)
WIDE = replace(POLICY, name="policy at 832x480", image_size=(480, 832))
FORWARD = Case("forward dynamics, 16 actions, video", "forward-dynamics", chunk_size=16)
INVERSE = Case("inverse dynamics, 16 actions", "inverse-dynamics", chunk_size=16)
GENERATE = Case("text to video, 320x192, 189 frames", "generate", sampling=VIDEO)
JOINT = Case("policy, droid_joint (state row)", "policy", "droid_joint")
SMALL_POLICY = Case("policy, tier 256, 16 actions", "policy", chunk_size=16, sampling=SMALL)


class Journal:
    """Prints every figure as it comes, and writes all of them at the end."""

    def __init__(self):
        self._started, self.entries = time.perf_counter(), []

    def note(self, name: str, **figures) -> None:
        self.entries.append({"name": name, **figures})
        shown = ", ".join(
            f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}" for key, value in figures.items()
        )
        print(f"[{time.perf_counter() - self._started:6.1f} s] {name}: {shown}", flush=True)

    def measured(self, name: str, taken: Measurement, **more) -> None:
        stages = {stage: round(spread.p50, 1) for stage, spread in taken.stages.items()}
        self.entries.append({"name": name, "measurement": asdict(taken), **more})
        print(
            f"[{time.perf_counter() - self._started:6.1f} s] {name} | {taken.engine.split()[0]} x{taken.batch}: "
            f"p50 {taken.total.p50:.1f} p99 {taken.total.p99:.1f} ms, {taken.per_second:.3f}/s, "
            f"{taken.peak_bytes / 2**30:.1f} GiB, {stages} {more or ''}",
            flush=True,
        )


def table(journal: Journal) -> None:
    """Both engines on the same weights: diffusers, then ours, then ours in fp8."""
    parts = random_parts("nano", DEVICE, DTYPE)
    journal.note("chip", **asdict(measure_chip(DEVICE, DTYPE)))
    requests = {case: make_request(case, parts.tokenizer) for case in (POLICY, WIDE, FORWARD, INVERSE, GENERATE)}
    (exact,), error = float32_rows(parts, [requests[POLICY]])
    journal.note("float32: native against diffusers", error=error)
    reference = ReferenceEngine(parts, DEVICE, DTYPE)
    for case, calls in ((POLICY, 20), (WIDE, 10), (FORWARD, 10), (INVERSE, 10), (GENERATE, 2)):
        journal.measured(case.name, measure(reference, [requests[case]], calls, 1))
    journal.note("diffusers bf16 against float32", error=relative_error(reference, requests[POLICY], exact))
    del reference
    native = NativeEngine(parts, DEVICE, DTYPE)
    for case, calls in (
        (POLICY, 20),
        (FIRST_STEP, 20),
        (WIDE, 20),
        (FORWARD, 20),
        (INVERSE, 20),
        (JOINT, 20),
        (GENERATE, 3),
    ):
        request = requests.get(case) or make_request(case, parts.tokenizer)
        journal.measured(case.name, measure(native, [request], calls, 2))
    journal.note("native bf16 against float32", error=relative_error(native, requests[POLICY], exact))
    for size, calls in ((4, 6), (16, 3)):
        batch = [replace(requests[POLICY], seed=seed) for seed in range(size)]
        journal.measured(POLICY.name, measure(native, batch, calls, 1))
    others = [requests[POLICY], requests[INVERSE], replace(requests[POLICY], seed=7, prompt="another prompt")]
    batched = native.run(others)[0].rows
    journal.note("native bf16, in a mixed batch, against float32", error=relative_distance(batched, exact))
    del native
    gc.collect()
    eight = NativeEngine(parts, DEVICE, DTYPE, fp8=True)
    for case in (POLICY, FIRST_STEP):
        request = requests.get(case) or make_request(case, parts.tokenizer)
        journal.measured(case.name + ", fp8", measure(eight, [request], 20, 2))
    journal.note("native fp8 against float32", error=relative_error(eight, requests[POLICY], exact))
    journal.note("fp8 weights", gib=torch.cuda.memory_allocated() / 2**30)


def memory(journal: Journal) -> None:
    """Small cards, small networks, loading, and many calls."""
    edge = random_parts("edge", DEVICE, DTYPE)
    _small_networks(journal, edge)
    _loading(journal, edge)
    del edge
    _clean()
    parts = random_parts("nano", DEVICE, DTYPE)
    _many_calls(journal, NativeEngine(parts, DEVICE, DTYPE), parts)
    del parts
    _clean()
    total = torch.cuda.get_device_properties(DEVICE).total_memory
    for offload, fp8 in (("text", False), ("text", True), ("layers", False)):
        parts = random_parts("nano", DEVICE, DTYPE)
        parts.transformer.to("cpu")
        _clean()
        torch.cuda.set_per_process_memory_fraction(SMALL_CARD_BYTES / total)
        started = time.perf_counter()
        engine = NativeEngine(parts, DEVICE, DTYPE, fp8=fp8, offload=offload)
        made_s = time.perf_counter() - started
        request = make_request(POLICY, parts.tokenizer)
        started = time.perf_counter()
        engine.texts.get([1, 2, 3, *range(290)])
        torch.cuda.synchronize()
        prompt_s = time.perf_counter() - started
        taken = measure(engine, [request], 5, 2)
        journal.measured(f"24 GiB card, offload={offload}, fp8={fp8}", taken, made_s=made_s, new_prompt_s=prompt_s)
        del engine, parts
        torch.cuda.set_per_process_memory_fraction(1.0)
        _clean()


def _small_networks(journal: Journal, parts: Parts) -> None:
    from cosmos_policy.engine import native as module

    request = make_request(SMALL_POLICY, parts.tokenizer)
    for recorded in (0, module.RECORDED_TOKENS):
        module.RECORDED_TOKENS = recorded
        engine = NativeEngine(parts, DEVICE, DTYPE)
        name = f"edge, {SMALL_POLICY.name}, {'CUDA graphs' if recorded else 'launched one by one'}"
        journal.measured(name, measure(engine, [request], 20, 4))
    journal.measured("edge, " + POLICY.name, measure(engine, [make_request(POLICY, parts.tokenizer)], 20, 3))
    journal.measured("edge, " + SMALL_POLICY.name, measure(ReferenceEngine(parts, DEVICE, DTYPE), [request], 10, 2))


def _loading(journal: Journal, parts: Parts) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        parts.transformer.save_pretrained(folder / "transformer")
        parts.vae.save_pretrained(folder / "vae")
        parts.scheduler.save_pretrained(folder / "scheduler")
        parts.tokenizer.save_pretrained(folder / "text_tokenizer")
        (folder / "model_index.json").write_text(
            json.dumps({"scheduler": ["diffusers", type(parts.scheduler).__name__]})
        )
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        started = time.perf_counter()
        loaded = load_parts(folder, DEVICE, DTYPE)
        torch.cuda.synchronize()
        seconds = time.perf_counter() - started
        same = all(
            torch.equal(*pair)
            for pair in zip(loaded.transformer.parameters(), parts.transformer.parameters(), strict=True)
        )
        journal.note("loading edge from disk", gb=size / 1e9, seconds=seconds, gb_per_s=size / 1e9 / seconds, same=same)


def _many_calls(journal: Journal, engine: NativeEngine, parts: Parts) -> None:
    request = make_request(SMALL_POLICY, parts.tokenizer)
    seen = []
    for call in range(200):
        engine.run([replace(request, seed=call, prompt=f"{request.prompt} {call % 12}")])
        if call in (49, 99, 149, 199):
            gc.collect()
            seen.append(torch.cuda.memory_allocated() / 2**30)
    reserved = torch.cuda.memory_reserved() / 2**30
    journal.note(
        "memory after 50, 100, 150, 200 calls of 12 prompts", gib=[round(one, 3) for one in seen], reserved=reserved
    )
    journal.measured(SMALL_POLICY.name, measure(engine, [request], 20, 3))


def _clean() -> None:
    gc.collect()
    torch.cuda.empty_cache()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("section", choices=("table", "memory"))
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    journal = Journal()
    try:
        {"table": table, "memory": memory}[arguments.section](journal)
    finally:
        arguments.output.write_text(json.dumps(journal.entries, indent=2))
