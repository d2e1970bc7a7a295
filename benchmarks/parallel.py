"""One model on several GPUs, beside one GPU: a robot's chunk and a video, at a published size with random weights.

    torchrun --nproc-per-node 2 -m benchmarks.parallel --random nano --guidance 2 --alone --output n2.json
    torchrun --nproc-per-node 2 -m benchmarks.parallel --random super --tensor 2 --output s2.json
    torchrun --nproc-per-node 4 -m benchmarks.parallel --random nano --guidance 2 --context 2 --alone --output n4.json
    torchrun --nproc-per-node 4 -m benchmarks.parallel --random super --tensor 2 --guidance 2 --output s4.json

The chunk is DROID's (32 actions, 480 tier, 4 steps, guidance 3 on all of them); the video is 320x192, 189 frames, 35
steps, guidance 6. `--alone` computes the same on the first GPU first, and tells how far the answers are apart. Without
`--random` it is tiny, on a CPU: that shows that the program works, and nothing about speed.
"""

from __future__ import annotations

import argparse
import gc
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cosmos_policy.bench.cases import Case, make_call, make_request
from cosmos_policy.bench.measure import measure
from cosmos_policy.bench.sizes import TRANSFORMERS, random_parts
from cosmos_policy.checkpoints.tiny import tiny_checkpoint
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.parallel.group import GroupEngine, follow
from cosmos_policy.engine.parallel.launch import engine_of, join_torchrun, load_engine
from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.engine.parallel.sizes import Parallel
from cosmos_policy.engine.request import Engine
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.types import Sampling

CHUNK = Case("DROID, 32 actions", "policy", "droid", 32)
VIDEO = Case("text-to-video 320x192, 189 frames", "generate", sampling=Sampling(35, 6.0, 10.0, 256))


def cases(arguments: argparse.Namespace) -> list[Case]:
    """Those asked for; on tiny, as short as they can be."""
    chosen = [case for case in (CHUNK, VIDEO) if arguments.case in (None, case.call)]
    if arguments.random is not None:
        return chosen
    small = Sampling(2, 3.0, 5.0, 256)
    return [replace(case, chunk_size=4, sampling=small, video_frames=5, text_tokens=None) for case in chosen]


def run_cases(engine: Engine, tokenizer, arguments: argparse.Namespace) -> tuple[dict[str, Any], list[np.ndarray]]:
    """Milliseconds by case, and the actions of each."""
    found, rows = {}, []
    for case in cases(arguments):
        taken = measure(engine, [make_call(case, tokenizer)], arguments.calls)
        found[case.name] = {"total": asdict(taken.total), "peak_gib": round(taken.peak_bytes / 2**30, 2)}
        found[case.name] |= {stage: round(spread.p50, 2) for stage, spread in taken.stages.items()}
        rows.append(engine.run([make_request(case, tokenizer)])[0].rows)
        print(json.dumps({engine.name: {case.name: found[case.name]}}), flush=True)
    return found, rows


def run_alone(arguments: argparse.Namespace, mesh: Mesh, dtype: torch.dtype) -> tuple[dict[str, Any], list[np.ndarray]]:
    """The same on this GPU alone; its memory is given back."""
    if arguments.random is None:
        parts = load_parts(tiny_checkpoint(), mesh.device, dtype)
    else:
        parts = random_parts(arguments.random, mesh.device, dtype)
    engine = NativeEngine(parts, mesh.device, dtype)
    found = run_cases(engine, parts.tokenizer, arguments)
    engine.close()
    del engine, parts
    gc.collect()
    if mesh.device.type == "cuda":
        torch.cuda.empty_cache()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", choices=list(TRANSFORMERS), help="default: tiny")
    for name in ("tensor", "context", "guidance"):
        parser.add_argument(f"--{name}", type=int, default=1)
    parser.add_argument("--case", choices=[CHUNK.call, VIDEO.call], help="default: both")
    parser.add_argument("--calls", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="one GPU too, first")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--output", type=Path, help="a JSON file")
    arguments = parser.parse_args()
    device = torch.device(arguments.device)
    dtype = torch.bfloat16 if device.type == "cuda" else torch.float32
    mesh = join_torchrun(device, Parallel(arguments.tensor, arguments.context, arguments.guidance))
    alone = run_alone(arguments, mesh, dtype) if arguments.alone and mesh.first else None
    mesh.collect(None)  # the others wait here with empty memory
    if arguments.random is None:
        engine = load_engine(tiny_checkpoint(), dtype, False, mesh)
    else:
        engine = engine_of(random_parts(arguments.random, mesh.device, dtype, mesh=mesh), dtype, False, mesh)
    tokenizer = engine._parts.tokenizer
    if not mesh.first:
        follow(engine, mesh)
        return
    group = GroupEngine(engine, mesh)
    together, rows = run_cases(group, tokenizer, arguments)
    place = torch.cuda.get_device_name(mesh.device) if device.type == "cuda" else "cpu"
    result = {
        "size": arguments.random or "tiny",
        "device": place,
        "torch": torch.__version__,
        "engine": group.name,
        "together": together,
    }
    if alone is not None:
        result["alone"] = alone[0]
        result["share_of_time"] = {
            name: round(together[name]["total"]["p50"] / alone[0][name]["total"]["p50"], 3) for name in together
        }
        result["largest_difference_of_actions"] = max(
            float(np.abs(one - other).max()) for one, other in zip(rows, alone[1], strict=True) if one.size
        )
    group.close()
    print(json.dumps(result, indent=2))
    if arguments.output is not None:
        arguments.output.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
