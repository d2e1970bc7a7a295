"""Steps per second of imagined worlds: N in one vector environment against N single ones that share the model.

python -m benchmarks.world_model                                  # tiny, on this machine
python -m benchmarks.world_model --random nano --chunk-sizes 16,4 # full size with random weights, on a GPU
python -m benchmarks.world_model --agent 1000                     # a random agent, and the memory that it leaves
"""

from __future__ import annotations

import argparse
import gc
import json
import resource
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

import cosmos_policy
import embodiments
import sim_eval  # noqa: F401 (registers the environments)
from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import WorldActionModel

WORLD = "CosmosPolicy/WorldModel-v0"
AGENT_NOTES = 10
MIB = 2**20


@dataclass(frozen=True)
class Figures:
    """One comparison. A step is one chunk in one world. timing_ms: stages of the vector's last step."""

    chunk_size: int
    worlds: int
    frame_size: tuple[int, int]
    rounds: int
    singles_steps_per_s: float
    vector_steps_per_s: float
    times_as_fast: float
    timing_ms: dict[str, float]
    single_timing_ms: dict[str, float]


def main() -> None:
    arguments = _arguments()
    started = time.perf_counter()
    model = _random_model(arguments.random) if arguments.random else cosmos_policy.load("tiny", device=arguments.device)
    print(f"[{time.perf_counter() - started:6.1f} s] {model.info.checkpoint} on {model.info.device}", flush=True)
    found: dict[str, Any] = {"model": _described(model), "worlds": arguments.worlds}
    if arguments.agent:
        found["random_agent"] = random_agent(model, arguments)
    else:
        found["figures"] = []
        for chunk_size in (int(size) for size in arguments.chunk_sizes.split(",")):
            figures = compare(model, arguments, chunk_size)
            found["figures"].append(asdict(figures))
            print(f"[{time.perf_counter() - started:6.1f} s] {figures}", flush=True)
            _write(arguments.output, found)
    _write(arguments.output, found)


def compare(model: WorldActionModel, arguments: argparse.Namespace, chunk_size: int) -> Figures:
    """N worlds together and one by one, each warmed up, the same actions for both."""
    options = _options(model, arguments, chunk_size)
    vector = gymnasium.make_vec(WORLD, num_envs=arguments.worlds, **options)
    singles = [gymnasium.make(WORLD, disable_env_checker=True, **options) for _ in range(arguments.worlds)]
    vector.action_space.seed(0)
    actions = [vector.action_space.sample() for _ in range(arguments.rounds + arguments.warm)]
    vector.reset(seed=0)
    for index, single in enumerate(singles):
        single.reset(seed=index)
    for action in actions[: arguments.warm]:
        vector.step(action)
        singles[0].step({name: values[0] for name, values in action.items()})
    begun = time.perf_counter()
    for action in actions[arguments.warm :]:
        *_, info = vector.step(action)
    together_s = time.perf_counter() - begun
    begun = time.perf_counter()
    for action in actions[arguments.warm :]:
        for index, single in enumerate(singles):
            *_, own = single.step({name: values[index] for name, values in action.items()})
    alone_s = time.perf_counter() - begun
    steps = arguments.rounds * arguments.worlds
    frame = vector.worlds[0].frame
    return Figures(
        chunk_size=chunk_size,
        worlds=arguments.worlds,
        frame_size=frame.shape[:2],
        rounds=arguments.rounds,
        singles_steps_per_s=steps / alone_s,
        vector_steps_per_s=steps / together_s,
        times_as_fast=alone_s / together_s,
        timing_ms={stage: round(value, 1) for stage, value in info["timing"][0].stages_ms.items()},
        single_timing_ms={stage: round(value, 1) for stage, value in own["timing"].stages_ms.items()},
    )


def random_agent(model: WorldActionModel, arguments: argparse.Namespace) -> dict[str, Any]:
    """So many steps of random actions with episodes of one imagined second; the memory of this process on the way."""
    chunk_size = int(arguments.chunk_sizes.split(",")[0])
    options = _options(model, arguments, chunk_size)
    vector = gymnasium.make_vec(WORLD, num_envs=arguments.worlds, time_limit_s=1.0, **options)
    vector.reset(seed=0)
    vector.action_space.seed(0)
    notes, episodes = [], 0
    begun = time.perf_counter()
    for step in range(1, arguments.agent + 1):
        *_, terminated, truncated, _ = vector.step(vector.action_space.sample())
        episodes += int((terminated | truncated).sum())
        if step % max(arguments.agent // AGENT_NOTES, 1) == 0:
            gc.collect()
            notes.append({"step": step, "resident_mib": _resident_mib(), "objects": len(gc.get_objects())})
            print(f"[{time.perf_counter() - begun:6.1f} s] {notes[-1]}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"steps": arguments.agent, "episodes": episodes, "memory": notes, "peak_mib": round(peak, 1)}


def _options(model: WorldActionModel, arguments: argparse.Namespace, chunk_size: int) -> dict[str, Any]:
    robot = embodiments.get("droid")
    example = robot.example_observation()
    height, width = (int(part) for part in arguments.image_size.split("x")[::-1])
    images = {view: np.ascontiguousarray(image[:height, :width]) for view, image in example["images"].items()}
    return {
        "checkpoint": model,
        "embodiment": robot,
        "start": {"images": images, "state": example["state"], "instruction": "lift the cube"},
        "chunk_size": chunk_size,
        "sampling": Sampling(
            num_inference_steps=arguments.steps, guidance_scale=1.0, flow_shift=5.0, resolution_tier=arguments.tier
        ),
    }


def _random_model(size: str) -> WorldActionModel:
    """The published network size with random weights, made on the GPU; prompts and tables are tiny's."""
    import torch

    from cosmos_policy.bench.sizes import random_parts
    from cosmos_policy.checkpoints import resolve_checkpoint
    from cosmos_policy.engine.native import NativeEngine
    from cosmos_policy.local_model import LocalModel

    device, dtype = torch.device("cuda"), torch.bfloat16
    engine = NativeEngine(random_parts(size, device, dtype), device, dtype)
    checkpoint = replace(resolve_checkpoint("tiny"), name=f"{size}, random weights")
    return LocalModel(checkpoint, engine, "cuda", "bfloat16")


def _described(model: WorldActionModel) -> dict[str, Any]:
    info = model.info
    return {name: getattr(info, name) for name in ("checkpoint", "engine", "device", "dtype")}


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return round(pages * resource.getpagesize() / MIB, 1)


def _write(path: Path | None, found: dict[str, Any]) -> None:
    if path is not None:
        path.write_text(json.dumps(found, indent=1) + "\n")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--random", choices=("nano", "edge", "super"), help="a published size, random weights")
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3, help="measured steps of every world")
    parser.add_argument("--warm", type=int, default=3, help="steps before that")
    parser.add_argument("--chunk-sizes", default="16", help="actions a step, with commas between")
    parser.add_argument("--steps", type=int, default=4, help="denoising steps")
    parser.add_argument("--tier", type=int, default=256)
    parser.add_argument("--image-size", default="256x192", help="of each view, width x height")
    parser.add_argument("--agent", type=int, default=0, help="steps of a random agent, instead of the comparison")
    parser.add_argument("--device", default=None)
    parser.add_argument("--output", type=Path, default=None, help="a JSON file")
    return parser.parse_args()


if __name__ == "__main__":
    main()
