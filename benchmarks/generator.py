"""Pictures and videos at a published size with random weights, our engine beside diffusers' pipeline, in turn.

    python -m benchmarks.generator                                     # tiny, anywhere
    python -m benchmarks.generator --random nano --output nano.json    # Nano's full size, on a GPU

Counted from the request to frames in host memory: preparing, reading the prompts, denoising, decoding. Every round asks
for another prompt, so that no text is kept from the round before.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import torch

from cosmos_policy.bench.sizes import TRANSFORMERS, random_parts
from cosmos_policy.checkpoints.tiny import tiny_checkpoint
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.request import Engine
from cosmos_policy.engine.weights import Parts, load_parts
from cosmos_policy.generator.jobs import Habits, make_job
from cosmos_policy.generator.run import run_jobs
from cosmos_policy.types import GenerateRequest, Sampling

#: published for one H200, 35 steps, guidance 6: diffusers 9.0 s and 3 s, vLLM-Omni 6.79 s and 1.52 s
CASES = {
    "video": ("text-to-video 320x192, 189 frames", {"size": (320, 192), "num_frames": 189}),
    "image": ("text-to-image 832x480", {"size": (832, 480), "num_frames": 1}),
}
WORDS = "a mobile robot carries a blue crate through a warehouse aisle, seen from behind; take "


def run_once(engine: Engine, habits: Habits, options: dict[str, Any], number: int) -> tuple[float, dict[str, float]]:
    """Seconds of one call, and its stages in milliseconds."""
    started = time.perf_counter()
    job = make_job(GenerateRequest(f"{WORDS}{number}", seed=number, **options), habits, engine.name)
    media = run_jobs([job], engine)[0]
    if engine.device.type == "cuda":
        torch.cuda.synchronize(engine.device)
    return time.perf_counter() - started, dict(media.timing)


def measure(engines: dict[str, Engine], habits: Habits, options: dict[str, Any], rounds: int) -> dict[str, Any]:
    """Medians over rounds in which the engines take turns; the first two rounds warm up."""
    found: dict[str, list[tuple[float, dict[str, float]]]] = {name: [] for name in engines}
    for number in range(rounds + 2):
        for name, engine in engines.items():
            taken = run_once(engine, habits, options, number)
            if number >= 2:
                found[name].append(taken)
    result: dict[str, Any] = {"rounds": rounds, "steps": habits.sampling.num_inference_steps}
    for name, calls in found.items():
        stages = {stage: round(statistics.median(each[1][stage] for each in calls), 2) for stage in calls[0][1]}
        result[name] = {"seconds": round(statistics.median(each[0] for each in calls), 4), "stages_ms": stages}
    return result


def read_parts(size: str | None, device: torch.device, dtype: torch.dtype) -> Parts:
    """tiny, or a published size with random weights."""
    return load_parts(tiny_checkpoint(), device, dtype) if size is None else random_parts(size, device, dtype)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", choices=list(TRANSFORMERS), help="default: tiny")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=35)
    parser.add_argument("--only", choices=["native", "diffusers"], help="default: both, in turn")
    parser.add_argument("--case", choices=list(CASES), help="default: both")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, help="a JSON file")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    parts = read_parts(arguments.random, device, dtype)
    kinds = {"native": NativeEngine, "diffusers": ReferenceEngine}
    # The native engine fuses the projections of these very weights: diffusers' modules see the same ones.
    engines = {name: kind(parts, device, dtype) for name, kind in kinds.items() if arguments.only in (None, name)}
    habits = Habits(arguments.random or "tiny", "random", Sampling(arguments.steps, 6.0, 10.0, 256))
    results = {}
    for name, options in (CASES[case] for case in CASES if arguments.case in (None, case)):
        results[name] = measure(engines, habits, options, arguments.rounds)
        print(json.dumps({name: results[name]}), flush=True)
    if arguments.output is not None:
        place = torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
        facts = {"size": arguments.random or "tiny", "device": place, "torch": torch.__version__}
        arguments.output.write_text(json.dumps({**facts, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
