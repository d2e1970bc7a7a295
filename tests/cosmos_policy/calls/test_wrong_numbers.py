"""Numbers that no call can mean are refused in one sentence, where they are written or where they are used."""

import pytest

import cosmos_policy
from cosmos_policy import Sampling, UsageError


@pytest.mark.parametrize(
    "field",
    [
        {"num_inference_steps": 0},
        {"num_inference_steps": 2.5},
        {"guidance_scale": float("nan")},
        {"flow_shift": 0.0},
        {"flow_shift": -1.0},
    ],
)
def test_sampling(field):
    with pytest.raises(UsageError, match=f"{next(iter(field))} is .*; expected"):
        Sampling(**field)


@pytest.mark.parametrize("seed", [1.5, "1", 2**70])
def test_seed(tiny, observation, seed):
    with pytest.raises(UsageError, match=r"seed is .*expected a whole number"):
        tiny.policy(observation, "go", embodiment="droid", seed=seed)


def test_chunk_size(tiny, observation):
    with pytest.raises(UsageError, match="positive multiple of 4"):
        tiny.policy(observation, "go", embodiment="droid", chunk_size=16.0)


def test_embodiment(tiny, observation):
    with pytest.raises(UsageError, match="embodiment is a int; expected a name"):
        tiny.policy(observation, "go", embodiment=5)


@pytest.mark.parametrize("sampling", [{}, None, 3])
def test_sampling_of_another_kind(tiny, observation, sampling):
    with pytest.raises(UsageError, match=r"sampling is a \w+; expected cosmos_policy.types.Sampling"):
        tiny.policy(observation, "go", embodiment="droid", sampling=sampling)
    with pytest.raises(UsageError, match=r"expected cosmos_policy.types.ReasonSampling"):
        tiny.reason([{"role": "user", "content": "hello"}], sampling=sampling)


@pytest.mark.parametrize("checkpoint", [None, "", 3])
def test_a_checkpoint_that_is_no_name(checkpoint):
    with pytest.raises(UsageError, match=r"checkpoint is .*; expected"):
        cosmos_policy.load(checkpoint)
