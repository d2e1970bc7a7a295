"""``serve --tensor-parallel 2``: a real server whose model is shared by two processes, here on a CPU."""

import httpx
import numpy as np
import psutil
import pytest
from server_helpers import connected, sighting

from cosmos_policy.client import ServerRefusal
from cosmos_policy.server.background import BackgroundServer
from cosmos_policy.types import Sampling

ROBOT = {"embodiment": "droid_joint", "seed": 4, "sampling": Sampling(2, 3.0, 5.0, 256)}
SHARED = ["--checkpoint", "tiny", "--embodiment", "droid_joint", "--threads", "1", "--tensor-parallel", "2"]


@pytest.fixture(scope="module")
def shared():
    with BackgroundServer(SHARED, ready_s=240.0) as server:
        yield server


def test_two_processes_serve_the_answers_of_one(shared, tiny):
    with connected(shared) as model:
        chunk = model.policy(sighting(), "lift the cube", **ROBOT)
        steps = []
        options = {"num_frames": 5, "size": (320, 192), "seed": 1, "sampling": Sampling(2)}
        media = model.generate("a hall", on_step=lambda *step: steps.append(step), **options)
    expected = tiny.policy(sighting(), "lift the cube", **ROBOT)
    np.testing.assert_allclose(chunk.model, expected.model, rtol=0, atol=1e-5 * np.abs(expected.model).max())
    assert "tensor 2" in chunk.info["serving"]["engine"]
    assert steps == [(1, 2), (2, 2)]
    apart = np.abs(media.frames.astype(int) - tiny.generate("a hall", **options).frames)
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3


def test_questions_are_answered_by_both_processes(shared, tiny):
    asked = [{"role": "user", "content": "lift the cube"}]
    body = {"messages": asked, "max_tokens": 20, "seed": 5}
    answer = httpx.post(f"{shared.http}/v1/chat/completions", json=body, trust_env=False, timeout=120).json()
    assert answer["choices"][0]["message"]["content"] == tiny.reason(asked, max_tokens=20, seed=5).text


def test_a_lost_process_costs_its_request_and_the_model_is_loaded_again(shared):
    (other,) = [each for each in all_below(shared) if "cosmos_policy.engine.parallel" in each.cmdline()]
    other.kill()
    # two processes load the model again before the second answer comes
    with connected(shared, timeout_s=300.0) as model:
        with pytest.raises(ServerRefusal, match="ended before it answered"):
            model.policy(sighting(), "lift the cube", **ROBOT)
        assert model.policy(sighting(), "lift the cube", **ROBOT) is not None


def all_below(server):
    return psutil.Process(server.process.pid).children(recursive=True)
