"""The bench measures what it says, on a network small enough for a CPU."""

import json
from dataclasses import replace

import pytest
import torch

from cosmos_policy.bench.cases import Case, make_request
from cosmos_policy.bench.floor import Chip, count_floor
from cosmos_policy.bench.new_prompts import measure_new_prompts
from cosmos_policy.bench.report import as_json
from cosmos_policy.bench.run import Settings, run_bench
from cosmos_policy.bench.sizes import AUTOENCODER, HEADS, TRANSFORMERS
from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.layout import layout_of
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.text import prompt_token_ids
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.types import Sampling

CPU = torch.device("cpu")
QUICK = Sampling(2, 3.0, 5.0, 256)


@pytest.fixture(scope="module")
def parts(single_thread):
    return load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)


def test_both_engines_are_measured_and_compared(parts):
    cases = [Case("policy", "policy", chunk_size=4, sampling=QUICK, text_tokens=80)]
    settings = Settings(calls=2, batch_sizes=(1, 2), compare=True, parity=True)
    bench = run_bench(parts, CPU, torch.float32, cases, settings)
    told = json.loads(json.dumps(as_json(bench)))["lines"]
    assert [(line["measurement"]["engine"].split()[0], line["measurement"]["batch"]) for line in told] == [
        ("diffusers", 1),
        ("native", 1),
        ("native", 2),
    ]
    assert told[0]["error"] == 0  # float32 against itself
    assert 0 <= told[1]["error"] < 1e-5
    assert told[1]["floor"]["denoise_ms"] > 0
    assert told[0]["new_prompt"] is None
    assert 0 < told[1]["new_prompt"]["p50"] <= told[1]["new_prompt"]["p99"]
    stages = told[1]["measurement"]["stages"]
    assert {"prepare", "text", "encode", "step", "decode", "transfer"} <= set(stages)
    parts_ms = sum(spread["p50"] for stage, spread in stages.items() if stage != "step")
    assert parts_ms <= 1.05 * told[1]["measurement"]["total"]["p99"]  # what is counted happens within the total
    assert told[2]["per_second"] == pytest.approx(2e3 / told[2]["measurement"]["total"]["p50"])


def test_the_prompt_has_the_length_that_was_asked_for(parts):
    request = make_request(Case("policy", "policy", sampling=QUICK, text_tokens=300), parts.tokenizer)
    assert len(prompt_token_ids(parts.tokenizer, request.prompt, True)) == 300


def test_the_floor_counts_what_runs(parts):
    request = make_request(Case("policy", "policy", chunk_size=4, sampling=QUICK, text_tokens=80), parts.tokenizer)
    chip = Chip(products=1e12, fp8_products=None, bytes=1e12)
    both = count_floor([request], [80], [20], parts, chip, False)
    one = replace(request, sampling=replace(QUICK, guidance_steps=0))
    assert both.linear == 2 * count_floor([one], [80], [20], parts, chip, False).linear
    config = parts.transformer.config
    per_layer = sum(
        weight.numel()
        for name, weight in parts.transformer.layers[0].named_parameters()
        if weight.ndim == 2 and ("add_" in name or "moe_gen" in name)
    )
    tokens = layout_of(request, parts.grid).tokens
    branches, steps = 2, 2
    assert both.linear == 2 * tokens * per_layer * config.num_hidden_layers * branches * steps


def test_the_published_sizes_have_the_published_parameters():
    from diffusers import AutoencoderKLWan, Cosmos3OmniTransformer

    billions = {}
    with torch.device("meta"):
        for size, config in TRANSFORMERS.items():
            network = Cosmos3OmniTransformer(**config, **HEADS)
            billions[size] = sum(weight.numel() for weight in network.parameters()) / 1e9
        vae = AutoencoderKLWan(**AUTOENCODER)
    assert billions["nano"] == pytest.approx(15.2, abs=0.1)
    assert billions["super"] == pytest.approx(64, abs=1.5)
    assert sum(weight.numel() for weight in vae.parameters()) / 1e6 == pytest.approx(705, abs=1)


def test_new_prompts_are_new_to_the_engine(parts):
    engine = NativeEngine(parts, CPU, torch.float32)
    request = make_request(Case("policy", "policy", chunk_size=4, sampling=QUICK, text_tokens=80), parts.tokenizer)
    engine.run([request])
    known = engine.texts.misses
    measure_new_prompts(engine, request, 3)
    assert engine.texts.misses == known + 3
