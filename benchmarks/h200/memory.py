"""Small cards, small networks, loading, and many calls."""

from __future__ import annotations

import gc
import json
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.h200.cases import DEVICE, DTYPE, POLICY, SMALL_POLICY, Networks, let_go
from benchmarks.h200.journal import Journal
from cosmos_policy.bench.cases import make_call, make_request
from cosmos_policy.bench.measure import measure
from cosmos_policy.bench.sizes import random_parts
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.paths import RECORDED_TOKENS, Paths
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.weights import Parts, load_parts

SMALL_CARD_BYTES = 24 << 30


def run(journal: Journal, networks: Networks) -> None:
    edge = networks.get("edge")
    _small_networks(journal, edge)
    _loading(journal, edge)
    del edge
    parts = networks.get("nano")
    _many_calls(journal, NativeEngine(parts, DEVICE, DTYPE), parts)
    del parts
    networks.drop()
    total = torch.cuda.get_device_properties(DEVICE).total_memory
    for offload, fp8 in (("text", False), ("text", True), ("layers", False)):
        parts = random_parts("nano", DEVICE, DTYPE)
        parts.transformer.to("cpu")
        let_go()
        torch.cuda.set_per_process_memory_fraction(SMALL_CARD_BYTES / total)
        started = time.perf_counter()
        engine = NativeEngine(parts, DEVICE, DTYPE, fp8=fp8, offload=offload)
        made_s = time.perf_counter() - started
        started = time.perf_counter()
        engine.texts.get([1, 2, 3, *range(290)])
        torch.cuda.synchronize()
        prompt_s = time.perf_counter() - started
        taken = measure(engine, [make_call(POLICY, parts.tokenizer)], 5, 2)
        journal.measured(f"24 GiB card, offload={offload}, fp8={fp8}", taken, made_s=made_s, new_prompt_s=prompt_s)
        del engine, parts
        torch.cuda.set_per_process_memory_fraction(1.0)
        let_go()


def _small_networks(journal: Journal, parts: Parts) -> None:
    call = make_call(SMALL_POLICY, parts.tokenizer)
    for recorded in (0, RECORDED_TOKENS):
        engine = NativeEngine(parts, DEVICE, DTYPE, paths=Paths(recorded_tokens=recorded))
        name = f"edge, {SMALL_POLICY.name}, {'CUDA graphs' if recorded else 'launched one by one'}"
        journal.measured(name, measure(engine, [call], 20, 4))
    journal.measured("edge, " + POLICY.name, measure(engine, [make_call(POLICY, parts.tokenizer)], 20, 3))
    journal.measured("edge, " + SMALL_POLICY.name, measure(ReferenceEngine(parts, DEVICE, DTYPE), [call], 10, 2))


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
    journal.measured(SMALL_POLICY.name, measure(engine, [make_call(SMALL_POLICY, parts.tokenizer)], 20, 3))
