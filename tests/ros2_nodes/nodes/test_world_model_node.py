"""world_model_node as a real process on a real server with tiny: the model's other calls, for other nodes."""

import json
import subprocess

import pytest
from rig import HERE, node

from cosmos_policy.server.background import BackgroundServer


@pytest.fixture(scope="module")
def told(ros):
    """What a caller in another process was answered."""
    arguments = ["--checkpoint", "tiny", "--embodiment", "umi", "--device", "cpu", "--threads", "1"]
    with BackgroundServer(arguments) as server, node(ros, "world_model_node", server=server.socket) as process:
        command = [ros.python, HERE / "world_model_caller.py"]
        done = subprocess.run(command, env=ros.variables(), capture_output=True, text=True, timeout=90, check=False)
        assert done.returncode == 0, f"{done.stderr}\n{process.log}"
        yield json.loads(done.stdout)
        assert process.end() == 0


def test_inverse_dynamics_answers_with_named_actions(told):
    assert told["inverse"] == [True, "", 16, 160]
    assert len(told["names"]) == 10 and told["checkpoint"] == "tiny"


def test_forward_dynamics_answers_with_frames(told):
    success, message, count, dt = told["forward"]
    assert (success, message, count) == (True, "", 17)
    assert dt == pytest.approx(0.1)


def test_the_reasoner_answers_about_an_image(told):
    success, message, text, finish_reason = told["said"]
    assert success, message
    assert isinstance(text, str) and finish_reason in ("stop", "length")


def test_wrong_requests_are_refused_in_one_sentence(told):
    few, ragged, mute = told["refused"]
    assert "1 images; expected two or more" in few
    assert "11 values in rows of 10" in ragged
    assert "question is empty" in mute
