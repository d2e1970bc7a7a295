"""Many WebSocket clients on one server: no answer wrong, lost or swapped, and health answered all the while.

    python benchmarks/server_soak.py [--clients 64] [--seconds 120] [--json]

Every client is the openpi wire's, with its own pictures, joints and instruction, and compares each answer with the one
that it got from a server of its own beforehand (its solo run: same messages, nobody else there). Meanwhile ``/healthz``
is asked twenty times a second.
"""

from __future__ import annotations

import argparse
import json
import statistics
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

    def message(self) -> bytes:
        robot = embodiments.get(ROBOT)
        generator = np.random.default_rng(self.number)
        state = robot.example_observation(seed=self.number)["state"]
        pictures = {
            key: generator.integers(0, 256, (36, 64, 3), dtype=np.uint8)
            for key in ("wrist_image_left", "exterior_image_1_left", "exterior_image_2_left")
        }
        fields = {f"observation/{name}": value for name, value in {**pictures, **state}.items()}
        return packb({**fields, "prompt": f"task number {self.number}"})

    def converse(self, address: str, until_s: float, most: int, check: bool) -> None:
        """Ask until the time is over (or `most` answers came)."""
        message = self.message()
        with connect(address, compression=None, max_size=None, proxy=None, open_timeout=60) as socket:
            socket.recv()
            for step in range(most):
                if time.monotonic() > until_s:
                    return
                started = time.monotonic()
                socket.send(message)
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
        if step >= len(self.solo):
            return
        if answer["seed"] != self.solo_seeds[step] or not np.allclose(answer["actions"], self.solo[step], **TOLERANCE):
            self.wrong.append(f"client {self.number}, answer {step}: not that of its solo run")


def main() -> None:
    """Solo runs, then the crowd."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--solo-steps", type=int, default=4, help="answers of each solo run to compare with")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    arguments = ["--checkpoint", "tiny", "--embodiment", ROBOT, "--device", "cpu", "--threads", "1"]
    clients = [Client(number) for number in range(options.clients)]
    with BackgroundServer(arguments) as server:
        for client in clients:
            client.converse(server.socket, time.monotonic() + 600, options.solo_steps, check=False)
            client.latencies_s.clear()
            client.batches.clear()
    with BackgroundServer(arguments) as server:
        health: list[float] = []
        over = threading.Event()
        watch = threading.Thread(target=_watch_health, args=(server.http, over, health))
        watch.start()
        until_s = time.monotonic() + options.seconds
        threads = [
            threading.Thread(target=client.converse, args=(server.socket, until_s, 10**9, True)) for client in clients
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        over.set()
        watch.join()
        restarts = httpx.get(f"{server.http}/state", trust_env=False).json()["restarts"]
    latencies = sorted(latency for client in clients for latency in client.latencies_s)
    health.sort()
    figures = {
        "clients": options.clients,
        "seconds": options.seconds,
        "answers": sum(client.answers for client in clients),
        "fewest_answers_of_a_client": min(client.answers for client in clients),
        "compared_with_solo": sum(min(client.answers, len(client.solo)) for client in clients),
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


def _watch_health(address: str, over: threading.Event, times: list[float]) -> None:
    with httpx.Client(trust_env=False) as client:
        while not over.wait(0.05):
            started = time.perf_counter()
            client.get(f"{address}/healthz")
            times.append(time.perf_counter() - started)


if __name__ == "__main__":
    main()
