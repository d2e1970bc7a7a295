"""A server of ours with tiny, and the stand-in of vLLM-Omni around the same network."""

import pytest
from vllm_omni_stand_in import StandIn

import cosmos_policy
from cosmos_policy.server.background import BackgroundServer


@pytest.fixture(scope="session")
def own_server():
    """tiny for DROID's joint policy, through the command line."""
    with BackgroundServer(["--checkpoint", "tiny", "--embodiment", "droid_joint", "--threads", "1"]) as server:
        yield server


@pytest.fixture(scope="session")
def far_own(own_server):
    with cosmos_policy.connect(f"vllm-omni+{own_server.http}") as model:
        yield model


@pytest.fixture
def stand_in(tiny):
    with StandIn(tiny) as server:
        yield server


@pytest.fixture
def far(stand_in):
    with cosmos_policy.connect(f"vllm-omni+{stand_in.address}", timeout_s=60) as model:
        yield model
