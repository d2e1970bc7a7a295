"""The capacity simulation beside a real server under load, on this machine: p50 and p99 of both, and the error.

    python -m benchmarks.capacity_validation [--loads 0.3,0.6,0.85] [--seconds 60] [--output FILE]
    sudo python -m benchmarks.capacity_validation --service server --realtime     # on a machine where other work runs

Service times come from ``cosmos-policy bench``, run before, between and after the loads. Where other work runs, a
computation without a pause cannot be kept apart from it (the kernel halts a real-time process for 50 ms of every such
second): ``--service server`` then takes them from the idle server, message by message with pauses, where they hold what
the server does between batches too. `outside` is the round trip beyond the computation, of one robot on the idle
server. Then so many robots as a load asks for, each with a connection of its own, ask the real server at scattering
periods, and the same fleet is simulated.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import cosmos_policy
import embodiments
from cosmos_policy import Observation, PolicyRequest, Sampling
from cosmos_policy.capacity import Fleet, MeasuredService, Site, read_measured, simulate
from cosmos_policy.capacity.measured import merged
from cosmos_policy.server.background import BackgroundServer

ROBOT, CHUNK = "droid_joint", 4
QUICK = Sampling(num_inference_steps=1)
PERIOD_S, JITTER, DEADLINE_S = 2.0, 0.2, 30.0
SIZES = (1, 2, 4, 8)
SEEDS = 20


def main() -> None:
    """Measure, simulate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--loads", default="0.3,0.6,0.9", help="Of what one request at a time could carry.")
    parser.add_argument("--seconds", type=float, default=60.0, help="Of each load.")
    parser.add_argument("--checkpoint", default="tiny")
    parser.add_argument("--service", choices=("bench", "server"), default="bench", help="Who tells service times.")
    parser.add_argument("--realtime", action="store_true", help="real-time priority, where other work runs too (root)")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args()
    if options.realtime:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(10))  # the server inherits it
    arguments = ["--checkpoint", options.checkpoint, "--embodiment", ROBOT, "--threads", "1"]
    arguments += ["--warm-up-batches", ",".join(map(str, SIZES))]
    rows = []
    with BackgroundServer(arguments) as server:
        for size in SIZES:
            ask_often(server, size, 3)

        def measure() -> MeasuredService:
            return bench(options.checkpoint) if options.service == "bench" else serving(server)

        before = measure()
        for load in map(float, options.loads.split(",")):
            outside_s, between_s = overheads(server, before)
            robots = max(1, round(load * PERIOD_S / before.median_s(1)))
            latencies = run_robots(server, robots, options.seconds)
            after = measure()
            service = merged([before, after], "before and after")
            rows.append(compare(load, robots, latencies, service, outside_s, between_s))
            before = after
            print(json.dumps(rows[-1]), flush=True)
    if options.output is not None:
        options.output.write_text(json.dumps(rows, indent=1) + "\n")
    print("largest error of p99: " + max((f"{abs(row['p99_error']):.1%}" for row in rows), key=lambda t: float(t[:-1])))


def bench(checkpoint: str) -> MeasuredService:
    """What ``cosmos-policy bench`` measures of the same request."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bench.json"
        code = "import torch; torch.set_num_threads(1); from cosmos_policy.cli.main import run; run()"
        command = [sys.executable, "-c", code, "bench", "--checkpoint", checkpoint, "--embodiment", ROBOT, "--json"]
        command += ["--chunk-size", str(CHUNK), "--steps", "1", "--batch", ",".join(map(str, SIZES)), "--repeat", "40"]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        with path.open("w") as file:
            subprocess.run([*command, "--text-tokens", "60"], check=True, stdout=file, env=environment)
        return read_measured(path)


def sighting() -> Observation:
    example = embodiments.get(ROBOT).example_observation(seed=0)
    return Observation(example["images"], example["state"])


def ask(model, observation: Observation, seed: int):
    return model.policy(observation, "lift the cube", embodiment=ROBOT, seed=seed, chunk_size=CHUNK, sampling=QUICK)


def ask_often(server: BackgroundServer, size: int, times: int) -> list[tuple[float, float]]:
    """(seconds as felt, seconds of computation) of messages with `size` questions each, to an idle server."""
    request = PolicyRequest(sighting(), "lift the cube", ROBOT, chunk_size=CHUNK, sampling=QUICK)
    found = []
    with cosmos_policy.connect(server.socket) as model:
        for _ in range(times):
            time.sleep(0.1)
            began = time.perf_counter()
            chunk = model.policy([request] * size)[-1]
            found.append((time.perf_counter() - began, chunk.info["serving"]["compute_ms"] / 1e3))
            if chunk.info["serving"]["batch_size"] != size:
                found.pop()  # the first question of the message was computed alone
    return found


def serving(server: BackgroundServer) -> MeasuredService:
    """What the idle server's computations take, batch by batch."""
    computed = {size: tuple(sorted(seconds for _, seconds in ask_often(server, size, 30))) for size in SIZES}
    return MeasuredService(computed, "the idle server")


def overheads(server: BackgroundServer, service: MeasuredService) -> tuple[float, float]:
    """(outside, between) in seconds, medians."""
    felt, computed = np.asarray(ask_often(server, 1, 20)).T
    return float(np.median(felt - computed)), max(0.0, float(np.median(computed)) - service.median_s(1))


def run_robots(server: BackgroundServer, robots: int, seconds: float) -> list[float]:
    """Seconds from question to answer, of those asked after the first fifth."""
    began = time.monotonic()
    felt: list[float] = []

    def live(number: int) -> None:
        draw, observation = random.Random(number), sighting()
        with cosmos_policy.connect(server.socket, timeout_s=60) as model:
            time.sleep(draw.uniform(0, PERIOD_S))
            while time.monotonic() - began < seconds:
                asked = time.monotonic()
                ask(model, observation, number)
                if asked - began > 0.2 * seconds:
                    felt.append(time.monotonic() - asked)
                period = PERIOD_S * (1 + draw.uniform(-JITTER, JITTER))
                time.sleep(max(0.0, asked + period - time.monotonic()))

    threads = [threading.Thread(target=live, args=(number,)) for number in range(robots)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return felt


def compare(
    load: float, robots: int, latencies: list[float], service: MeasuredService, outside_s: float, between_s: float
) -> dict[str, float]:
    """One load, measured and simulated; milliseconds."""
    fleet = Fleet(robots, 16 / PERIOD_S, 32, 16, DEADLINE_S, jitter=JITTER)
    site = Site(1, max_batch=8, outside_s=outside_s, between_s=between_s)
    runs = [simulate(fleet, site, service, seconds=300.0, seed=seed) for seed in range(SEEDS)]
    simulated = np.mean([run.latency_s for run in runs], axis=0)
    row = {"load": load, "robots": robots, "answers": len(latencies)}
    for place, percent in enumerate((50, 99)):
        real, modelled = 1e3 * np.percentile(latencies, percent), 1e3 * simulated[place]
        row[f"p{percent}_measured_ms"], row[f"p{percent}_simulated_ms"] = round(real, 1), round(modelled, 1)
        row[f"p{percent}_error"] = round(modelled / real - 1, 3)
    row["busy"], row["batch"] = (
        round(float(np.mean([getattr(run, name) for run in runs])), 3) for name in ("busy", "batch")
    )
    row |= {"outside_ms": round(1e3 * outside_s, 1), "between_ms": round(1e3 * between_s, 1)}
    row["service_ms"] = {
        size: [round(1e3 * service.quantile_s(size, share), 1) for share in (0.5, 0.9, 0.99)]
        for size in service.batches
    }
    return row


def take_precedence() -> None:
    """This process, and all that it starts, before everything else on the machine. Not real-time priority: the kernel
    halts a process of that kind for 50 ms of every second that it computes without a pause, as bench does."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)


if __name__ == "__main__":
    main()
