"""The built-in trained checkpoint: in the package, small enough, and answering for the robots that it knows."""

import numpy as np
import pytest

import cosmos_policy
import embodiments
from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.checkpoints.layout import missing_parts
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Observation


@pytest.fixture(scope="module")
def model(single_thread):
    return cosmos_policy.load("small", device="cpu")


def test_it_is_whole_and_small():
    folder = resolve_checkpoint("small").folder
    assert missing_parts(folder) == []
    assert sum(file.stat().st_size for file in folder.rglob("*") if file.is_file()) < 30e6
    assert not [file for file in folder.rglob("*.json") if "/tmp" in file.read_text()]


@pytest.mark.parametrize("name", ["droid_joint", "ur"])
def test_a_chunk_lies_within_what_was_recorded(model, name):
    robot = model.embodiment_for(embodiments.get(name))
    observation = Observation(**robot.example_observation(), stamp=0.0)
    chunk = model.policy(observation, "lift the red cube", embodiment=name, chunk_size=16, seed=0)
    statistics = robot.normalizer.statistics
    low, high = statistics.get("min"), statistics.get("max")
    assert chunk.unified.shape == (16, robot.action_dim)
    assert (np.clip(chunk.unified, 2 * low - high, 2 * high - low) == chunk.unified).all()


def test_what_it_was_not_trained_for_is_refused(model):
    with pytest.raises(UsageError, match="small was not trained for"):
        model.generate("a cube")
