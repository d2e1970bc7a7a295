"""What the server costs over the direct call, for one observation of three cameras 640x360, on loopback.

    python benchmarks/server_overhead.py [--calls 60] [--json]

Direct and remote calls alternate on the same machine. Two figures are told: the difference of the medians, and the
median of what a remote call took beyond the model's own time for that very call (its ``timing["total"]``), which does
not suffer from the model's scatter.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time

import psutil

import cosmos_policy
import embodiments
from cosmos_policy import Observation, Sampling
from cosmos_policy.server.background import BackgroundServer

QUICK = Sampling(num_inference_steps=1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--calls", type=int, default=60)
    parser.add_argument("--embodiment", default="droid_joint")
    parser.add_argument("--realtime", action="store_true", help="real-time priority, where other work runs too (root)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    example = embodiments.get(options.embodiment).example_observation(seed=0)
    observation = Observation(example["images"], example["state"])

    def call(model) -> tuple[float, float]:
        started = time.perf_counter()
        chunk = model.policy(
            observation, "lift the cube", embodiment=options.embodiment, seed=0, chunk_size=4, sampling=QUICK
        )
        return 1e3 * (time.perf_counter() - started), chunk.timing["total"]

    import torch

    torch.set_num_threads(1)
    direct_model = cosmos_policy.load("tiny", device="cpu")
    arguments = ["--checkpoint", "tiny", "--embodiment", options.embodiment, "--device", "cpu", "--threads", "1"]
    with BackgroundServer(arguments) as server, cosmos_policy.connect(server.socket) as remote_model:
        for model in (direct_model, remote_model):
            for _ in range(5):
                call(model)
        if options.realtime:
            _take_precedence(server.process.pid)
        direct, remote = [], []
        for _ in range(options.calls):
            direct.append(call(direct_model))
            remote.append(call(remote_model))
    beyond = sorted(total - model for total, model in remote)
    figures = {
        "calls": options.calls,
        "direct_p50_ms": statistics.median(total for total, _ in direct),
        "remote_p50_ms": statistics.median(total for total, _ in remote),
        "overhead_difference_of_medians_ms": statistics.median(t for t, _ in remote)
        - statistics.median(t for t, _ in direct),
        "overhead_p50_ms": statistics.median(beyond),
        "overhead_p95_ms": beyond[int(0.95 * len(beyond))],
        "direct_beyond_model_p50_ms": statistics.median(total - model for total, model in direct),
    }
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:40} {value:10.2f}")


def _take_precedence(server: int) -> None:
    """This process, the server and its worker before everything else on the machine."""
    for process in (psutil.Process(), psutil.Process(server), *psutil.Process(server).children()):
        for thread in process.threads():
            os.sched_setscheduler(thread.id, os.SCHED_RR, os.sched_param(10))


if __name__ == "__main__":
    main()
