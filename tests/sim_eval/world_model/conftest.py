"""Imagined worlds of the built-in checkpoint."""

import numpy as np
import pytest

pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")


@pytest.fixture(scope="session")
def tiny(single_thread):
    """The built-in checkpoint."""
    import cosmos_policy

    with cosmos_policy.load("tiny", device="cpu") as model:
        yield model


@pytest.fixture(scope="session")
def make_world(tiny, droid_dataset):
    """``gymnasium.make`` of a world of DROID's, begun from `droid_dataset`, four actions a chunk."""
    import gymnasium

    import sim_eval  # noqa: F401 (registers it)

    def make(**options):
        defaults = {"checkpoint": tiny, "embodiment": "droid", "dataset": str(droid_dataset), "chunk_size": 4}
        return gymnasium.make("CosmosPolicy/WorldModel-v0", **(defaults | options))

    return make


@pytest.fixture(scope="session")
def make_worlds(tiny, droid_dataset):
    """``gymnasium.make_vec`` of the same worlds."""
    import gymnasium

    import sim_eval  # noqa: F401 (registers it)

    def make(number, **options):
        defaults = {"checkpoint": tiny, "embodiment": "droid", "dataset": str(droid_dataset), "chunk_size": 4}
        return gymnasium.make_vec("CosmosPolicy/WorldModel-v0", num_envs=number, **(defaults | options))

    return make


@pytest.fixture(scope="session")
def picture_start():
    """Options that begin from a picture: a composed frame of DROID's, and a state."""
    import embodiments

    robot = embodiments.get("droid")
    frame = np.random.default_rng(0).integers(0, 256, (72, 64, 3), dtype=np.uint8)
    return {"image": frame, "state": robot.example_observation()["state"]}
