"""Clients on a server in a Ray cluster, through a rolling update and the SIGKILL of one of its replicas.

    python benchmarks/cluster_chaos.py [--clients 32] [--replicas 3] [--quiet-s 15] [--json]

Every client is the openpi wire's, with its own pictures, joints, instruction and seed. Two checkpoints of tiny's shape
with other weights are served one after the other: first all replicas are replaced, then one of the new
ones is killed. Each answer says which checkpoint it came from, and is compared with what that checkpoint answers
when it is asked alone, in this process. Every other client names a deadline of `--deadline-ms`, and half of those a
tight one: an answer or a refusal of theirs must have come before it, by the client's clock.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from websockets.asyncio.client import connect

import cosmos_policy
import embodiments
from cosmos_policy import Observation
from cosmos_policy.checkpoints.tiny import build
from cosmos_policy.server.background import BackgroundServer
from cosmos_policy.wire.arrays import packb, unpackb

ROBOT = "droid_joint"
VIEWS = {"wrist": "wrist_image_left", "exterior_1": "exterior_image_1_left", "exterior_2": "exterior_image_2_left"}
#: float32 in another batch size: sums are added in another order.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}
COMMAND = (sys.executable, "-c", "from cosmos_policy.cli.main import run; run()", "serve")


@dataclass
class Client:
    """One client: what it sends, what it should get from each checkpoint (by revision), and what it got."""

    number: int
    deadline_ms: float | None
    right: dict[str, np.ndarray] = field(default_factory=dict)
    answers: Counter = field(default_factory=Counter)
    refusals: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    refused_at_ms: list[float] = field(default_factory=list)

    def sees(self) -> Observation:
        generator = np.random.default_rng(self.number)
        images = {view: generator.integers(0, 256, (36, 64, 3), dtype=np.uint8) for view in VIEWS}
        return Observation(images, embodiments.get(ROBOT).example_observation(seed=self.number)["state"], stamp=0.0)

    @property
    def says(self) -> str:
        return f"task number {self.number % 8}"

    def ask_alone(self, model: cosmos_policy.WorldActionModel) -> None:
        chunk = model.policy(self.sees(), self.says, embodiment=ROBOT, seed=self.number)
        self.right[model.info.revision] = openpi_rows(chunk.commands)

    def message(self) -> bytes:
        seen = self.sees()
        fields = {f"observation/{key}": seen.images[view] for view, key in VIEWS.items()}
        fields |= {f"observation/{name}": value for name, value in seen.state.items()}
        asked = {} if self.deadline_ms is None else {"deadline_ms": self.deadline_ms}
        return packb({**fields, "prompt": self.says, "seed": self.number, **asked})

    async def converse(self, address: str, over: asyncio.Event) -> None:
        message = self.message()
        async with connect(address, compression=None, max_size=None, proxy=None, open_timeout=60) as socket:
            await socket.recv()
            while not over.is_set():
                started = time.monotonic()
                await socket.send(message)
                reply = await asyncio.wait_for(socket.recv(), 120)
                self.take(reply, 1e3 * (time.monotonic() - started))

    def take(self, reply: bytes | str, took_ms: float) -> None:
        if self.deadline_ms is not None and took_ms > self.deadline_ms:
            kind = "refusal" if isinstance(reply, str) else "answer"
            self.late.append(f"{kind} after {took_ms:.0f} ms of {self.deadline_ms:.0f}")
        if isinstance(reply, str):
            self.refusals["stale" if reply.startswith("The observation is") else reply] += 1
            self.refused_at_ms.append(took_ms)
            return
        answer = unpackb(reply)
        revision = answer["serving"]["revision"]
        self.answers[revision] += 1
        self.latencies_ms.append(took_ms)
        if not np.allclose(answer["actions"], self.right[revision], **TOLERANCE):
            self.wrong.append(f"client {self.number}: not what checkpoint {revision} answers alone")


def openpi_rows(commands: dict[str, np.ndarray]) -> np.ndarray:
    """Seven joints, then the gripper, as openpi's DROID client gets them."""
    return np.concatenate([np.asarray(rows).reshape(len(rows), -1) for rows in commands.values()], axis=1)


def other_tiny(folder: Path) -> Path:
    """A checkpoint of tiny's shape with other weights."""
    build.SEED += 1
    try:
        return build.build_tiny(folder)
    finally:
        build.SEED -= 1


def replicas_of(server: BackgroundServer) -> list[int]:
    """Process ids of the model replicas that this server's own cluster runs."""
    listed = subprocess.run(["ps", "-eo", "pid,pgid,args"], capture_output=True, text=True, check=True).stdout
    found = []
    for line in listed.splitlines()[1:]:
        pid, _, title = line.split(maxsplit=2)
        if title.startswith("ray::ServeReplica:cosmos-policy-model-") and server.process.pid in ancestors(int(pid)):
            found.append(int(pid))
    return found


def ancestors(pid: int) -> set[int]:
    """Process ids of the parents of `pid`."""
    above = set()
    while pid > 1:
        stat = Path(f"/proc/{pid}/stat").read_text()
        pid = int(stat.rpartition(")")[2].split()[1])
        above.add(pid)
    return above


async def crowd(clients: list[Client], server: BackgroundServer, options: argparse.Namespace, second: Path) -> dict:
    """All clients at once; the update, then the kill, with some quiet seconds before, between and after."""
    started = time.monotonic()
    over = asyncio.Event()
    talking = [asyncio.create_task(client.converse(server.socket, over)) for client in clients]
    await asyncio.sleep(options.quiet_s)
    at = time.monotonic()
    address = next(entry["cluster"] for entry in server.log if "cluster" in entry)
    update = await asyncio.create_subprocess_exec(
        *COMMAND, "--ray", address, "--update", *shared_arguments(options, str(second)), stderr=asyncio.subprocess.PIPE
    )
    _, told = await update.communicate()
    if update.returncode:
        raise SystemExit(f"The update failed: {told.decode()[-2000:]}")
    facts = {"update_s": time.monotonic() - at}
    print(f"updated in {facts['update_s']:.0f} s", file=sys.stderr, flush=True)
    await asyncio.sleep(options.quiet_s)
    before = replicas_of(server)
    killed_s = time.monotonic()
    os.kill(before[0], signal.SIGKILL)
    while len(set(replicas_of(server)) - {before[0]}) < len(before):
        await asyncio.sleep(0.5)
    print(f"killed process {before[0]}, and another one is there", file=sys.stderr, flush=True)
    facts["until_another_process_s"] = time.monotonic() - killed_s
    await asyncio.sleep(options.quiet_s)
    over.set()
    await asyncio.gather(*talking)
    return {**facts, "replicas_before_the_kill": len(before), "seconds": time.monotonic() - started}


def shared_arguments(options: argparse.Namespace, checkpoint: str) -> list[str]:
    """What `serve` is told both times."""
    return [
        *("--checkpoint", checkpoint, "--embodiment", ROBOT, "--device", "cpu", "--threads", "1", "--like", "tiny"),
        *("--replicas", str(options.replicas), "--cpus-per-replica", "0.25"),
        *("--surge-percent", str(options.surge_percent), "--refuse-before-ms", str(options.refuse_before_ms)),
    ]


def main() -> None:
    """Alone, then the crowd."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--replicas", type=int, default=3)
    parser.add_argument("--quiet-s", type=float, default=15.0, help="before, between and after the two events")
    parser.add_argument("--deadline-ms", type=float, default=6000.0)
    parser.add_argument("--tight-ms", type=float, default=1500.0)
    parser.add_argument("--refuse-before-ms", type=float, default=300.0)
    parser.add_argument("--surge-percent", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    budgets = (None, options.deadline_ms, None, options.tight_ms)
    clients = [Client(number, budgets[number % len(budgets)]) for number in range(options.clients)]
    with tempfile.TemporaryDirectory() as folder:
        first, second = build.build_tiny(Path(folder) / "first"), other_tiny(Path(folder) / "second")
        for checkpoint in (first, second):
            with cosmos_policy.load(str(checkpoint), device="cpu", like="tiny") as model:
                for client in clients:
                    client.ask_alone(model)
        with BackgroundServer(["--ray", "local", *shared_arguments(options, str(first))], ready_s=300) as server:
            facts = asyncio.run(crowd(clients, server, options, second))
    report(clients, facts, options)


def report(clients: list[Client], facts: dict, options: argparse.Namespace) -> None:
    """The figures, and what went wrong."""
    latencies = sorted(ms for client in clients for ms in client.latencies_ms)
    refused = sum((client.refusals for client in clients), Counter())
    spare = [client.deadline_ms - ms for client in clients if client.deadline_ms for ms in client.refused_at_ms]
    figures = {
        **facts,
        "clients": len(clients),
        "answers": len(latencies),
        "answers_of_each_checkpoint": sorted(sum((client.answers for client in clients), Counter()).values()),
        "wrong": sum(len(client.wrong) for client in clients),
        "late": sum(len(client.late) for client in clients),
        "refused": dict(refused),
        "refused_without_a_deadline": sum(sum(c.refusals.values()) for c in clients if c.deadline_ms is None),
        "least_ms_between_refusal_and_deadline": min(spare, default=None),
        "latency_p50_ms": latencies[len(latencies) // 2],
        "latency_p99_ms": latencies[int(0.99 * len(latencies))],
    }
    for client in clients:
        for reason in (*client.wrong[:3], *client.late[:3]):
            print(reason, file=sys.stderr)
    if options.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name:40} {value}")


if __name__ == "__main__":
    main()
