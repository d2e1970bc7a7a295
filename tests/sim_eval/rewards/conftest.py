"""The built-in checkpoint as imaginer and as judge."""

import pytest


@pytest.fixture(scope="session")
def tiny_model(single_thread):
    import cosmos_policy

    with cosmos_policy.load("tiny", device="cpu") as model:
        yield model


@pytest.fixture
def make_judged_world(tiny_model, droid_dataset):
    """An imagined world of DROID's that a judge ends."""
    gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")
    import sim_eval  # noqa: F401 (registers it)

    def make(judge, confusion):
        return gymnasium.make(
            "CosmosPolicy/WorldModel-v0",
            checkpoint=tiny_model,
            embodiment="droid",
            dataset=str(droid_dataset),
            chunk_size=4,
            rewards=[{"judge": {"judge": judge, "measured": confusion}}],
        )

    return make
