"""Time to the first token and tokens per second of the reasoner, beside transformers' own ``generate`` on the same
weights, in turn, in one run.

    python -m benchmarks.reasoner                                     # tiny, anywhere
    python -m benchmarks.reasoner --random nano --output nano.json    # Nano's full size, random weights, on a GPU
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import Cosmos3OmniConfig, Qwen2VLImageProcessor, Qwen3VLProcessor
from transformers.models.qwen3_vl import Qwen3VLVideoProcessor

from cosmos_policy.bench.sizes import TRANSFORMERS, WEIGHT_STD, random_parts
from cosmos_policy.checkpoints.tiny import tiny_checkpoint
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.reasoner.network import share_network
from cosmos_policy.reasoner.prompt import Prompter
from cosmos_policy.reasoner.reasoner import Reasoner, load_reasoner
from cosmos_policy.types import ReasonRequest, ReasonSampling

#: Qwen3-VL-8B's and -32B's vision encoder: transformers' defaults but for the width that it hands on
VISION = {"nano": {"out_hidden_size": 4096}, "super": {"out_hidden_size": 5120}}
WORDS = "What happens here, and what should the robot do next? " * 8
SAMPLING = ReasonSampling(temperature=0.7, top_p=0.8, top_k=20, presence_penalty=0.0)


def random_reasoner(size: str, device: torch.device, dtype: torch.dtype) -> Reasoner:
    """The reasoner of a published size ("nano", "super") with random weights and tiny's tokenizer."""
    parts = random_parts(size, device, dtype)
    tokenizer, id_of = parts.tokenizer, parts.tokenizer.convert_tokens_to_ids
    shape = parts.transformer.config
    text = {
        "model_type": "qwen3_vl_text",
        **{name: getattr(shape, name) for name in ("vocab_size", "hidden_size", "intermediate_size", "head_dim")},
        **{name: getattr(shape, name) for name in ("num_hidden_layers", "num_attention_heads", "num_key_value_heads")},
        "max_position_embeddings": 262144,
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": shape.rope_theta,
            "mrope_section": list(shape.rope_axes_dim),
            "mrope_interleaved": True,
        },
    }
    config = Cosmos3OmniConfig(
        text_config=text,
        vision_config={"model_type": "qwen3_vl_vision", **VISION[size]},
        image_token_id=id_of("<|image_pad|>"),
        video_token_id=id_of("<|video_pad|>"),
        vision_start_token_id=id_of("<|vision_start|>"),
        vision_end_token_id=id_of("<|vision_end|>"),
    )
    network = share_network(config, parts.transformer, device, dtype)
    with torch.no_grad():
        for module in network.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                if parameter.is_meta:
                    filled = torch.empty(parameter.shape, dtype=dtype, device=device).normal_(0, WEIGHT_STD)
                    module.register_parameter(name, torch.nn.Parameter(filled, requires_grad=False))
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3, "patch_size": 16, "merge_size": 2}
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(
            size={"shortest_edge": 65536, "longest_edge": 16777216}, temporal_patch_size=2, **half
        ),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(**half),
        chat_template=tokenizer.chat_template,
    )
    return Reasoner(network, Prompter(processor, device, dtype), frozenset(), device)


def tiny_reasoner(device: torch.device, dtype: torch.dtype) -> Reasoner:
    folder = tiny_checkpoint()
    reasoner = load_reasoner(folder, load_parts(folder, device, dtype).transformer, device)
    return Reasoner(reasoner.network, reasoner.prompter, frozenset(), device)


def requests_for(count: int, tokens: int) -> list[ReasonRequest]:
    """`count` questions about pictures of 640x480, each its own."""
    pictures = np.random.default_rng(0).integers(0, 256, (count, 480, 640, 3), dtype=np.uint8)
    return [
        ReasonRequest(
            [{"role": "user", "content": [{"type": "image", "image": picture}, {"type": "text", "text": WORDS}]}],
            sampling=SAMPLING,
            seed=seed,
            max_tokens=tokens,
        )
        for seed, picture in enumerate(pictures)
    ]


def plain_generate(reasoner: Reasoner, requests: list[ReasonRequest], tokens: int) -> None:
    """transformers' ``generate`` of all requests as one batch, prepared by the same processor."""
    prompts = [reasoner._read(number, request, _no_reader).prompt for number, request in enumerate(requests)]
    together: dict[str, Any] = {
        name: torch.cat([prompt.inputs[name] for prompt in prompts]) for name in prompts[0].inputs
    }
    together["attention_mask"] = torch.ones_like(together["input_ids"])
    with torch.inference_mode():
        reasoner.network.generate(
            **together, max_new_tokens=tokens, min_new_tokens=tokens, do_sample=True, pad_token_id=0,
            temperature=SAMPLING.temperature, top_p=SAMPLING.top_p, top_k=SAMPLING.top_k,
        )  # fmt: skip


def ours(reasoner: Reasoner, requests: list[ReasonRequest], tokens: int) -> None:
    reasoner.answer([replace(request, max_tokens=tokens) for request in requests])


def seconds(run: Callable[[], None], device: torch.device) -> float:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    run()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - started


def measure(reasoner: Reasoner, count: int, tokens: int, rounds: int) -> dict[str, Any]:
    """Medians over rounds in which both take turns. Tokens per second: those after the first, all answers together."""
    requests = requests_for(count, tokens)
    ways = {"ours": ours, "transformers": plain_generate}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            first = seconds(lambda way=way: way(reasoner, requests, 1), reasoner.device)
            whole = seconds(lambda way=way: way(reasoner, requests, tokens), reasoner.device)
            if number:  # the first round warms up
                found[name].append((first, whole))
    result: dict[str, Any] = {"batch": count, "new_tokens": tokens, "rounds": rounds}
    result["prompt_tokens"] = len(reasoner._read(0, requests[0], _no_reader).prompt.ids)
    for name, pairs in found.items():
        rates = [count * (tokens - 1) / (whole - first) for first, whole in pairs]
        result[name] = {
            "first_token_ms": round(1e3 * statistics.median(first for first, _ in pairs), 2),
            "tokens_per_s": round(statistics.median(rates), 1),
        }
    result["tokens_per_s_ratio"] = round(result["ours"]["tokens_per_s"] / result["transformers"]["tokens_per_s"], 3)
    return result


def _no_reader(source: Any, name: str) -> bytes:
    raise ValueError(f"{name} points to {source}; these requests hold their pictures")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", choices=[size for size in TRANSFORMERS if size in VISION], help="default: tiny")
    parser.add_argument("--batches", default="1,16")
    parser.add_argument("--tokens", type=int, default=128)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, help="a JSON file")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    make = tiny_reasoner if arguments.random is None else lambda *place: random_reasoner(arguments.random, *place)
    reasoner = make(device, dtype)
    results = []
    for count in map(int, arguments.batches.split(",")):
        results.append(measure(reasoner, count, arguments.tokens, arguments.rounds))
        print(json.dumps(results[-1]), flush=True)
    if arguments.output is not None:
        place = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        facts = {"size": arguments.random or "tiny", "device": place, "torch": torch.__version__}
        arguments.output.write_text(json.dumps({**facts, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
