"""The tiny model, loaded once, and what a DROID robot sees."""

import numpy as np
import pytest

import cosmos_policy
import embodiments
from cosmos_policy import Observation


@pytest.fixture(scope="session")
def tiny(single_thread):
    return cosmos_policy.load("tiny", device="cpu")


@pytest.fixture
def droid():
    return embodiments.get("droid")


@pytest.fixture
def observation(droid):
    example = droid.example_observation(seed=0)
    return Observation(example["images"], example["state"], stamp=12.5)


@pytest.fixture
def frames(droid):
    """uint8 [5, H, W, 3]: a short composed video that moves."""
    images = droid.example_observation(seed=1)["images"]
    frame = droid.compose(images)
    return np.stack([np.roll(frame, 3 * step, axis=1) for step in range(5)])
