"""Actions that are known beforehand: a prefix of the chunk, history before it, and the state row between."""

import numpy as np
import pytest

import cosmos_policy
import embodiments
from cosmos_policy import Observation, PolicyRequest, Sampling, UsageError

TIER = Sampling(resolution_tier=256, num_inference_steps=2)


@pytest.fixture(scope="module")
def model(single_thread):
    with cosmos_policy.load("tiny", device="cpu") as loaded:
        yield loaded


def ask(**changes) -> PolicyRequest:
    robot = embodiments.get("droid_joint")
    observation = Observation(**robot.example_observation())
    return PolicyRequest(observation, "wipe", robot, chunk_size=8, sampling=TIER, **changes)


def test_the_joint_policy_has_its_state_row(model):
    chunk = model.policy(ask())
    assert chunk.model.shape == (8, 8)
    assert np.isfinite(chunk.unified).all()


def test_a_chunk_continues_its_prefix(model):
    free = model.policy(ask())
    begun = free.unified[:3] + 0.25
    chunk = model.policy(ask(prefix=begun))
    np.testing.assert_allclose(chunk.unified[:3], begun, atol=1e-6)
    assert np.abs(chunk.unified[3:] - free.unified[3:]).max() > 1e-5  # what follows depends on it


def test_history_stands_before_the_state(model):
    free = model.policy(ask())
    chunk = model.policy(ask(history=free.unified[:2]))
    assert chunk.unified.shape == (8, 8)
    assert np.abs(chunk.unified - free.unified).max() > 1e-5


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"prefix": np.zeros((8, 8))}, "leaves nothing of a chunk of 8"),
        ({"prefix": np.zeros((2, 7))}, r"prefix has shape \[2, 7\]"),
        ({"history": np.full((2, 8), np.nan)}, "history holds NaN"),
    ],
)
def test_what_does_not_fit_is_told(model, changes, words):
    with pytest.raises(UsageError, match=words):
        model.policy(ask(**changes))


def test_warming_up_takes_the_embodiments_calls(model):
    seconds = model.warm_up("droid_joint", calls=("policy", "forward_dynamics"), sampling=TIER, chunk_size=4)
    assert seconds > 0
    with pytest.raises(UsageError, match="warm_up knows the calls"):
        model.warm_up("droid_joint", calls=("dance",))
