"""With tensor parallelism two processes hold the language weights, and say what one says."""

import numpy as np
import pytest

import cosmos_policy
from cosmos_policy.errors import DeviceLost
from cosmos_policy.types import ReasonRequest, ReasonSampling, Sampling


@pytest.fixture(scope="module")
def shared(single_thread):
    with cosmos_policy.load("tiny", device="cpu", tensor_parallel=2) as model:
        yield model


def test_two_processes_say_what_one_says(shared, tiny, picture, observation):
    looking = [{"type": "image", "image": picture}, {"type": "text", "text": "What is red?"}]
    questions = [
        ReasonRequest([{"role": "user", "content": looking}], max_tokens=12, seed=1),
        # longer than the rows that it begins in
        ReasonRequest([{"role": "user", "content": "word " * 95}], max_tokens=60, seed=2, sampling=greedy()),
        ReasonRequest([{"role": "user", "content": "pick"}], max_tokens=40, seed=3),
    ]
    expected = tiny.reason(questions)
    assert expected[1].prompt_tokens < 512 < expected[1].prompt_tokens + expected[1].completion_tokens
    assert [reply.text for reply in shared.reason(questions)] == [reply.text for reply in expected]
    assert shared.reason(questions[2]).text == expected[2].text
    robot = {"embodiment": "droid", "chunk_size": 4, "sampling": Sampling(1, 1.0, 5.0, 256), "seed": 2}
    stream = shared.stream_reason(questions[0])
    next(stream)
    chunk = shared.policy(observation, "go", **robot)  # between two tokens
    assert list(stream)[-1].text == expected[0].text
    wanted = tiny.policy(observation, "go", **robot).model
    np.testing.assert_allclose(chunk.model, wanted, rtol=0, atol=1e-5 * np.abs(wanted).max())
    stream = shared.stream_reason(questions[1])
    next(stream)
    stream.close()  # what it held is dropped in both processes
    assert shared.reason(questions[0]).text == expected[0].text


def test_layers_that_fail_in_the_first_process_give_the_group_up(shared, monkeypatch):
    reasoner = shared._reasoner()
    monkeypatch.setattr(reasoner._mirror, "_forward", lambda **_: 1 / 0)
    question = ReasonRequest([{"role": "user", "content": "pick"}], max_tokens=2)
    with pytest.raises(ZeroDivisionError):
        shared.reason(question)
    with pytest.raises(DeviceLost, match="the language layers failed"):
        shared.reason(question)


def greedy() -> ReasonSampling:
    return ReasonSampling(temperature=0, presence_penalty=2.0)
