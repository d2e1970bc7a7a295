"""Many WebSocket clients on one server: no answer wrong, lost or swapped, and health answered all the while.

    python benchmarks/server_soak.py [--clients 64] [--seconds 120] [--json]

Every client is the openpi wire's, with its own pictures, joints and instruction, and compares every answer with that
of its solo run (same messages, nobody else there): the first ones with seeds that the session draws, the rest with one
seed of the client's own, so that all of them can be compared. Meanwhile ``/healthz`` is asked twenty times a second, by
a process of its own.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

import httpx
import numpy as np
from websockets.sync.client import connect

import embodiments
from cosmos_policy.server.background import BackgroundServer
from cosmos_policy.wire.arrays import packb, unpackb

ROBOT = "droid_joint"
#: float32 in another batch size: sums are added in another order.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@dataclass
class Client:
    """One client: its message, the answers of its solo run, and what it saw in the crowd."""

    number: int
    solo: list[np.ndarray] = field(default_factory=list)
    solo_seeds: list[int] = field(default_factory=list)
    answers: int = 0
    wrong: list[str] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    batches: list[int] = field(default_factory=list)

    def message(self, seed: int | None) -> bytes:
        robot = embodiments.get(ROBOT)
        generator = np.random.default_rng(self.number)
        state = robot.example_observation(seed=self.number)["state"]
        pictures = {
            key: generator.integers(0, 256, (36, 64, 3), dtype=np.uint8)
            for key in ("wrist_image_left", "exterior_image_1_left", "exterior_image_2_left")
        }
        fields = {f"observation/{name}": value for name, value in {**pictures, **state}.items()}
        chosen = {} if seed is None else {"seed": seed}
        return packb({**fields, "prompt": f"task number {self.number}", **chosen})

    def converse(self, address: str, until_s: float, most: int, drawn: int, check: bool) -> None:
        """Ask until the time is over (or `most` answers came); after the first `drawn` with a seed of its own."""
        free, seeded = self.message(None), self.message(self.number)
        with connect(address, compression=None, max_size=None, proxy=None, open_timeout=60) as socket:
            socket.recv()
            for step in range(most):
                if time.monotonic() > until_s:
                    return
                started = time.monotonic()
                socket.send(free if step < drawn else seeded)
                reply = socket.recv(timeout=300)
                self.latencies_s.append(time.monotonic() - started)
                self._take(step, reply, check)

    def _take(self, step: int, reply: bytes | str, check: bool) -> None:
        if isinstance(reply, str):
            self.wrong.append(reply)
            return
        answer = unpackb(reply)
        self.batches.append(answer["serving"]["batch_size"])
        if not check:
            self.solo.append(np.array(answer["actions"]))
            self.solo_seeds.append(answer["seed"])
            return
        self.answers += 1
        step = min(step, len(self.solo) - 1)
        if answer["seed"] != self.solo_seeds[step] or not np.allclose(answer["actions"], self.solo[step], **TOLERANCE):
            self.wrong.append(f"client {self.number}, answer {step}: not that of its solo run")


def main() -> None:
    """Solo runs, then the crowd."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--drawn", type=int, default=3, help="answers whose seed the session draws")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--watch", metavar="URL", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.watch:
        watch_health(options.watch)
        return
    arguments = ["--checkpoint", "tiny", "--embodiment", ROBOT, "--device", "cpu", "--threads", "1"]
    clients = [Client(number) for number in range(options.clients)]
    with BackgroundServer(arguments) as server:
        for client in clients:
            client.converse(server.socket, time.monotonic() + 600, options.drawn + 1, options.drawn, check=False)
            client.latencies_s.clear()
            client.batches.clear()
    with BackgroundServer(arguments) as server:
        watch = subprocess.Popen(
            [sys.executable, __file__, "--watch", server.http], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        until_s = time.monotonic() + options.seconds
        threads = [
            threading.Thread(target=client.converse, args=(server.socket, until_s, 10**9, options.drawn, True))
            for client in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        health = json.loads(watch.communicate("over\n", timeout=60)[0])
        restarts = httpx.get(f"{server.http}/state", trust_env=False).json()["restarts"]
    latencies = sorted(latency for client in clients for latency in client.latencies_s)
    health.sort()
    figures = {
        "clients": options.clients,
        "seconds": options.seconds,
        "answers": sum(client.answers for client in clients),
        "fewest_answers_of_a_client": min(client.answers for client in clients),
        "wrong_lost_or_swapped": sum(len(client.wrong) for client in clients),
        "worker_restarts": restarts,
        "mean_batch": statistics.mean(size for client in clients for size in client.batches),
        "latency_p50_s": latencies[len(latencies) // 2],
        "latency_p99_s": latencies[int(0.99 * len(latencies))],
        "health_asked": len(health),
        "health_p50_ms": 1e3 * health[len(health) // 2],
        "health_p99_ms": 1e3 * health[int(0.99 * len(health))],
        "health_worst_ms": 1e3 * health[-1],
    }
    for client in clients:
        for reason in client.wrong[:3]:
            print(reason)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:32} {value:10.2f}")


def watch_health(address: str) -> None:
    """Ask twenty times a second until a line comes on stdin; print the seconds that each answer took."""
    over, times = threading.Event(), []
    threading.Thread(target=lambda: (sys.stdin.readline(), over.set()), daemon=True).start()
    with httpx.Client(trust_env=False) as client:
        while not over.wait(0.05):
            started = time.perf_counter()
            client.get(f"{address}/healthz")
            times.append(time.perf_counter() - started)
    print(json.dumps(times))


if __name__ == "__main__":
    main()
