"""``serve --ray`` as a user has it: a cluster of this machine, two replicas of tiny, and clients of both wires."""

import hashlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import numpy as np
import pytest

import cosmos_policy
import embodiments
from cosmos_policy import Observation
from cosmos_policy.server.background import BackgroundServer

pytest.importorskip("ray", reason="cosmos-policy[ray] is not installed")
pytest.importorskip("fastapi", reason="cosmos-policy[server] is not installed")

ROBOT, WORDS = "droid_joint", "put the banana in the bowl"
TINY = ["--embodiment", ROBOT, "--device", "cpu", "--threads", "1", "--cpus-per-replica", "0.25"]
COMMAND = [sys.executable, "-c", "from cosmos_policy.cli.main import run; run()", "serve"]
#: float32 in another batch size: sums are added in another order.
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def server():
    arguments = ["--ray", "local", "--checkpoint", "tiny", *TINY, "--replicas", "2", "--ingresses", "2"]
    with BackgroundServer(arguments, ready_s=240) as running:
        yield running
    assert running.process.returncode == 0


@pytest.fixture(scope="module")
def expected(tiny):
    """seed -> the unified actions that the model gives when it is asked alone."""
    return lambda seed: tiny.policy(sees(seed), WORDS, embodiment=ROBOT, seed=seed).unified


def sees(seed):
    example = embodiments.get(ROBOT).example_observation(seed=seed)
    return Observation(example["images"], example["state"], stamp=10.0 * (seed + 1))


def ask(model, seed, **options):
    return model.policy(sees(seed), WORDS, embodiment=ROBOT, seed=seed, **options)


def replicas_of(server):
    """Process ids of this server's model replicas."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    rows = (line.split(maxsplit=1) for line in listed.splitlines()[1:])
    named = [int(pid) for pid, title in rows if title.startswith("ray::ServeReplica:cosmos-policy-model-")]
    return [pid for pid in named if server.process.pid in ancestors(pid)]


def ancestors(pid):
    above = set()
    while pid > 1:
        pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        above.add(pid)
    return above


def test_answers_are_those_of_the_model_and_say_which_replica_gave_them(server, expected):
    with cosmos_policy.connect(server.socket, embodiment=ROBOT) as model:
        chunk = ask(model, 3)
        np.testing.assert_allclose(chunk.unified, expected(3), **TOLERANCE)
        serving = chunk.info["serving"]
        assert serving["checkpoint"] == "tiny"
        assert serving["deployment"] == "model"
        again = ask(model, 4).info["serving"]
        assert again["replica"] == serving["replica"]  # the same words: it has read them


def test_every_call_is_there(server):
    with cosmos_policy.connect(server.socket, embodiment=ROBOT) as model:
        assert set(model.contract["calls"]) == {
            "policy",
            "inverse_dynamics",
            "forward_dynamics",
            "reason",
            "generate",
        }
        said = list(model.stream_reason([{"role": "user", "content": "Where is the cube?"}], max_tokens=4))
        assert "".join(delta.text for delta in said[:-1]) == said[-1].text


def test_a_session_goes_on_whichever_ingress_it_comes_through(server):
    """Every request through a new connection; the drawn seeds are those of one session on one machine."""
    drawn, before = [], None
    for number in range(6):
        with cosmos_policy.connect(server.socket, embodiment=ROBOT) as model:
            model._session_id = "one session"
            if number == 3:
                model.reset()
            with_prefix = {"prefix_steps": 2, "executed_steps": 1} if number in (1, 2, 4, 5) else {}
            chunk = model.continue_policy(sees(number), WORDS, embodiment=ROBOT, seed=None, **with_prefix)
            if with_prefix:  # the rows that were settled come back as they were
                np.testing.assert_allclose(chunk.unified[:2], before.unified[1:3], rtol=1e-5, atol=1e-6)
            before = chunk
            drawn.append(chunk.info["seed"])
    key = int.from_bytes(hashlib.sha256(b"one session").digest()[:8], "big")
    wanted = [np.random.default_rng([0, key, episode]).integers(0, 2**31, 3).tolist() for episode in (0, 1)]
    assert drawn == [*wanted[0], *wanted[1]]


def test_what_cannot_make_its_deadline_is_refused_before_it(server):
    with cosmos_policy.connect(server.socket, embodiment=ROBOT, deadline_ms=60) as model:
        started = time.monotonic()
        with pytest.raises(cosmos_policy.client.ServerRefusal) as refused:
            ask(model, 1)
        assert refused.value.code == "stale"
        assert time.monotonic() - started < 5.0


def test_a_killed_replica_loses_no_request_and_comes_back(server, expected):
    answers, wrong, stop = [], [], threading.Event()
    right = {seed: expected(seed) for seed in range(4)}

    def robot(seed):
        with cosmos_policy.connect(server.socket, embodiment=ROBOT) as model:
            while not stop.is_set():
                try:
                    chunk = ask(model, seed)
                except Exception as error:
                    wrong.append(repr(error))
                    return
                answers.append(chunk.info["serving"]["replica"])
                if not np.allclose(chunk.unified, right[seed], **TOLERANCE):
                    wrong.append(f"seed {seed}")

    robots = [threading.Thread(target=robot, args=(seed,)) for seed in right]
    for each in robots:
        each.start()
    wait_until(lambda: len(set(answers)) == 2)
    before = replicas_of(server)
    os.kill(before[0], signal.SIGKILL)
    seen = set(answers)
    wait_until(lambda: len(set(replicas_of(server)) - {before[0]}) == 2 and set(answers) - seen)
    stop.set()
    for each in robots:
        each.join()
    assert wrong == []


def test_a_rolling_update_keeps_answering_and_ends_with_the_new_checkpoint(server, tmp_path, monkeypatch):
    from cosmos_policy.checkpoints.tiny import build

    monkeypatch.setattr(build, "SEED", build.SEED + 1)
    other = build.build_tiny(tmp_path / "other")
    cluster = next(entry["cluster"] for entry in server.log if "cluster" in entry)
    told = [*COMMAND, "--ray", cluster, "--update", "--checkpoint", str(other), "--like", "tiny", *TINY]
    update = subprocess.Popen([*told, "--replicas", "2"], stderr=subprocess.PIPE, text=True)
    revisions = []
    with cosmos_policy.connect(server.socket, embodiment=ROBOT) as model:
        while update.poll() is None:
            revisions.append(ask(model, 1).info["serving"]["revision"])
        assert update.returncode == 0, update.stderr.read()[-2000:]
        with cosmos_policy.load(str(other), device="cpu", like="tiny") as alone:
            after = ask(model, 1)
            np.testing.assert_allclose(after.unified, ask(alone, 1).unified, **TOLERANCE)
            assert after.info["serving"]["revision"] == alone.info.revision
    assert revisions[0] != after.info["serving"]["revision"]
    wait_until(lambda: httpx.get(f"{server.http}/info").json()["model"]["revision"] == alone.info.revision)


def test_an_update_to_another_robot_is_refused_in_one_line(server):
    cluster = next(entry["cluster"] for entry in server.log if "cluster" in entry)
    told = [*COMMAND, "--ray", cluster, "--update", "--checkpoint", "tiny", "--embodiment", "droid"]
    done = subprocess.run(told, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "serves 'droid_joint', not 'droid'" in done.stderr


def wait_until(true, patience_s=120.0):
    until = time.monotonic() + patience_s
    while not true():
        assert time.monotonic() < until
        time.sleep(0.2)
