"""What a warm-up leaves ready, and what it refuses."""

import pytest

import cosmos_policy
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling

QUICK = {"sampling": Sampling(2, 3.0, 5.0, 256), "chunk_size": 4}
TASKS = ["fold the towel", "put the banana into the bowl"]


@pytest.fixture
def model(single_thread):
    with cosmos_policy.load("tiny", device="cpu") as model:
        yield model


def test_instructions_that_are_told_are_read_before_the_first_call(model, observation):
    model.warm_up("droid", instructions=TASKS, **QUICK)
    texts = model._engine.texts
    read = texts.misses
    for task in TASKS:
        model.policy(observation, task, embodiment="droid", **QUICK)
    assert texts.misses == read
    model.policy(observation, "something else", embodiment="droid", **QUICK)
    assert texts.misses == read + 1


@pytest.mark.parametrize("call", ["inverse_dynamics", "forward_dynamics"])
def test_every_call_takes_instructions(model, call):
    assert model.warm_up("droid", calls=(call,), instructions=TASKS[:1], **QUICK) > 0


def test_one_string_is_no_list_of_instructions(model):
    with pytest.raises(UsageError, match="a list of sentences"):
        model.warm_up("droid", instructions="fold the towel")
