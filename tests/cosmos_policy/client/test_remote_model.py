"""The thin client by itself: who it needs, what it says when nobody is there, how it comes back."""

import shutil
import socket
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from server_helpers import connected, scripted_server, sighting

import cosmos_policy
import embodiments
from cosmos_policy import ActionChunk, UsageError
from cosmos_policy.client import ActionChunkBroker, ServerUnreachable
from cosmos_policy.client.connection import as_error

SMALL = (36, 64)
ROOT = Path(cosmos_policy.__file__).parents[1]
FORBIDDEN = ("torch", "fastapi", "starlette", "uvicorn", "PIL", "av", "diffusers", "transformers", "prometheus_client")


@pytest.fixture(scope="module")
def server():
    with scripted_server() as running:
        yield running


def ask(model, instruction="go", **options):
    return model.policy(sighting(size=SMALL), instruction, embodiment="droid_joint", seed=1, **options)


def test_the_client_needs_nothing_heavy():
    code = textwrap.dedent(f"""
        import sys
        class Wall:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in {FORBIDDEN!r}:
                    raise AssertionError("imported " + name)
        sys.meta_path.insert(0, Wall())
        import cosmos_policy
        from cosmos_policy.client import ActionChunkBroker, connect
        assert cosmos_policy.connect is connect
    """)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_the_client_works_on_python_3_10(server, tmp_path):
    """In an environment with the client's libraries only."""
    uv = shutil.which("uv") or str(shutil.which("uv", path=f"{sys.base_prefix}/bin"))
    python = tmp_path / "env" / "bin" / "python"
    here = [*Path(sys.base_prefix).parent.glob("3.10*/bin/python3.10"), shutil.which("python3.10")]
    interpreter = next((str(found) for found in here if found), "3.10")
    libraries = ["numpy", "scipy", "pydantic", "pyyaml", "msgpack", "websockets", "httpx"]
    for step in (
        [uv, "venv", "-q", "--offline", "--python", interpreter, str(tmp_path / "env")],
        [uv, "pip", "install", "-q", "--offline", "--python", str(python), *libraries],
    ):
        try:
            done = subprocess.run(step, capture_output=True, text=True, check=False)
        except OSError as error:
            pytest.skip(f"uv is not on this machine to make a Python 3.10 environment with ({error})")
        if done.returncode:
            pytest.skip(f"a Python 3.10 environment cannot be made offline here: {done.stderr.strip()[-200:]}")
    code = textwrap.dedent("""
        import sys
        sys.path.insert(0, sys.argv[2])
        assert sys.version_info[:2] == (3, 10)
        import cosmos_policy, embodiments
        robot = embodiments.get("droid_joint")
        example = robot.example_observation()
        observation = cosmos_policy.Observation(example["images"], example["state"], stamp=2.0)
        with cosmos_policy.connect(sys.argv[1], embodiment=robot) as model:
            chunk = model.policy(observation, "go", embodiment=robot, seed=1)
        assert chunk.commands["joint_position"].shape == (32, 7)
        assert "torch" not in sys.modules and "fastapi" not in sys.modules
    """)
    done = subprocess.run(
        [str(python), "-c", code, server.socket, str(ROOT)], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_nobody_there_is_said_in_time_and_in_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = time.monotonic()
    with pytest.raises(ServerUnreachable, match=r"No server answers at ws://127.0.0.1:\d+ .*cosmos-policy serve"):
        cosmos_policy.connect(f"ws://127.0.0.1:{port}", connect_timeout_s=1.0)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("url", ["ftp://host", "ws://", "ws://host/path", "ws://host?x=1", ""])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(UsageError, match="no server address"):
        cosmos_policy.connect(url)


def test_a_server_that_starts_later_is_waited_for():
    late = scripted_server(options={"load_s": 0.5})
    try:
        late.start()  # it listens, and its model is still loading
        with connected(late, connect_timeout_s=60.0) as model:
            assert isinstance(ask(model), ActionChunk)
    finally:
        late.stop()


def test_an_answer_that_does_not_come_is_not_waited_for_and_never_taken_for_another(server):
    with connected(server, timeout_s=0.5) as model:
        with pytest.raises(ServerUnreachable, match=r"did not answer within 0\.5 s"):
            ask(model, "sleep 1.5")
        time.sleep(1.5)
        np.testing.assert_array_equal(ask(model, "two").unified, ask(model, "two").unified)
        assert not np.array_equal(ask(model, "two").unified, ask(model, "three").unified)


def test_a_broken_connection_is_opened_again(server):
    with connected(server) as model:
        first = ask(model)
        model._connection._socket.socket.shutdown(socket.SHUT_RDWR)
        with pytest.raises(ServerUnreachable, match="ended the connection"):
            ask(model)
        np.testing.assert_array_equal(ask(model).unified, first.unified)


def test_threads_may_share_a_model(server):
    with connected(server) as model:
        alone = [ask(model, f"task {number}").unified for number in range(4)]
        found = [None] * 4

        def work(number):
            found[number] = ask(model, f"task {number}").unified

        threads = [threading.Thread(target=work, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    np.testing.assert_array_equal(found, alone)


def test_a_robot_with_another_normaliser_is_refused(server):
    robot = embodiments.get("droid_joint")
    changed = robot.with_normalizer(type(robot.normalizer)("another reason"))
    with connected(server) as model:
        with pytest.raises(UsageError, match="another reason"):
            model.policy(sighting(size=SMALL), "go", embodiment=changed)
        with pytest.raises(UsageError, match="serves the embodiment 'droid_joint', not 'droid'"):
            model.policy(sighting(size=SMALL), "go", embodiment="droid")


def test_the_broker_gives_one_action_at_a_time(server):
    seen = sighting(size=SMALL)
    with connected(server) as model:
        broker = ActionChunkBroker(model, "go", embodiment="droid_joint", horizon=3, seed=1)
        steps = [broker.step(seen)["joint_position"] for _ in range(5)]
        chunk = ask(model)
        np.testing.assert_array_equal(steps, chunk.commands["joint_position"][[0, 1, 2, 0, 1]])
        broker.reset("stop")
        assert broker.chunk is None
        np.testing.assert_array_equal(
            broker.step(seen)["joint_position"], ask(model, "stop").commands["joint_position"][0]
        )
        with pytest.raises(UsageError, match="at least 1 action"):
            ActionChunkBroker(model, "go", embodiment="droid_joint", horizon=0)


def test_errors_of_use_and_of_luck_are_told_apart():
    assert isinstance(as_error({"status": 400, "message": "m", "code": "c"}), UsageError)
    refusal = as_error({"status": 503, "message": "m", "code": "overloaded", "retry_after_s": 2.0})
    assert (str(refusal), refusal.code, refusal.retry_after_s) == ("m", "overloaded", 2.0)
