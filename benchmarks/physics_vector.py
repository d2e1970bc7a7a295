"""Physics in processes: a random agent on the vector environment, its memory, and steps per second against single ones.

    python -m benchmarks.physics_vector --num-envs 8 --steps 125 --embodiment ur --task lift --output result.json

Writes JSON: steps per second of `num_envs` single environments one after the other and of the vector environment, both
looked at in every step, without resets; and, of a random agent of `steps` steps with resets, the memory of this process
and of its workers at a tenth of the way and at the end (private pages, MB, from /proc).
"""

import argparse
import json
import os
import time
from pathlib import Path

import gymnasium
import numpy as np

import sim_eval  # noqa: F401 (registers the environments)

NAME = "CosmosPolicy/Robosuite-v0"


def memory_mb(pid: int) -> float:
    """What a process shares with no other, MB: shared libraries would count for more when other processes end."""
    rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return round(sum(int(row.split()[1]) for row in rows if row.startswith("Private_")) / 1e3, 1)


def singles_steps_per_s(options: dict, number: int, steps: int) -> float:
    environments = [gymnasium.make(NAME, **options).unwrapped for _ in range(number)]
    for index, environment in enumerate(environments):
        environment.reset(seed=index)
        environment.action_space.seed(index)
    begun = time.perf_counter()
    for _ in range(steps):
        for environment in environments:
            environment.step(environment.action_space.sample())
    rate = number * steps / (time.perf_counter() - begun)
    for environment in environments:
        environment.close()
    return rate


def vector_steps_per_s(options: dict, number: int, steps: int) -> float:
    environment = gymnasium.make_vec(NAME, num_envs=number, **options)
    environment.reset(seed=0)
    environment.action_space.seed(0)
    begun = time.perf_counter()
    for _ in range(steps):
        environment.step(environment.action_space.sample())
    rate = number * steps / (time.perf_counter() - begun)
    environment.close()
    return rate


def vector_soak(options: dict, number: int, steps: int) -> dict:
    environment = gymnasium.make_vec(NAME, num_envs=number, **options)
    pids = [os.getpid(), *(process.pid for process in environment.processes)]
    environment.reset(seed=0)
    environment.action_space.seed(0)
    early, ends, stepping_s = None, 0, 0.0
    for step in range(steps):
        actions = environment.action_space.sample()
        begun = time.perf_counter()
        observation, _, terminated, truncated, _ = environment.step(actions)
        stepping_s += time.perf_counter() - begun
        ends += int((terminated | truncated).sum())
        assert all(np.isfinite(value).all() for value in observation["state"].values())
        if step == max(1, steps // 10):
            early = [memory_mb(pid) for pid in pids]
    late = [memory_mb(pid) for pid in pids]
    environment.close()
    return {
        "steps_per_s_with_resets": number * steps / stepping_s,
        "episodes_ended": ends,
        "memory_mb_early": early,
        "memory_mb_late": late,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--num-envs", type=int, default=8)
    parser.add_argument("--steps", type=int, default=125, help="of the vector environment")
    parser.add_argument("--single-steps", type=int, default=20, help="of each environment, for the comparison")
    parser.add_argument("--embodiment", default="ur")
    parser.add_argument("--task", default="lift")
    parser.add_argument("--image-size", type=int, default=64)
    parser.add_argument("--time-limit-s", type=float, default=None)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    options = {
        "task": arguments.task,
        "embodiment": arguments.embodiment,
        "image_size": (arguments.image_size, arguments.image_size),
    }
    together = vector_steps_per_s(options, arguments.num_envs, arguments.single_steps)
    alone = singles_steps_per_s(options, arguments.num_envs, arguments.single_steps)
    short = {**options, "time_limit_s": arguments.time_limit_s}
    result = {
        "num_envs": arguments.num_envs,
        "steps": arguments.num_envs * arguments.steps,
        **options,
        "opengl": os.environ.get("MUJOCO_GL"),
        "cores": len(os.sched_getaffinity(0)),
        "load_average": os.getloadavg(),
        "singles_steps_per_s": alone,
        "vector_steps_per_s": together,
        **vector_soak(short, arguments.num_envs, arguments.steps),
    }
    arguments.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
