"""Running servers: with the scripted model (starts in a second) and with tiny."""

import pytest
from server_helpers import scripted_server

from cosmos_policy.server.background import BackgroundServer


@pytest.fixture(scope="session")
def scripted():
    with scripted_server() as server:
        yield server


@pytest.fixture
def scripted_with():
    """settings -> a running server of this test's own."""
    return scripted_server


@pytest.fixture(scope="session")
def tiny_server():
    """tiny for DROID's joint policy, through the command line."""
    with BackgroundServer(["--checkpoint", "tiny", "--embodiment", "droid_joint", "--threads", "1"]) as server:
        yield server


@pytest.fixture(scope="session")
def libero_server():
    with BackgroundServer(["--checkpoint", "tiny", "--embodiment", "libero", "--threads", "1"]) as server:
        yield server
