"""Golden files for the tests of embodiments."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from watched_arrays import Watched


@pytest.fixture
def watched(golden_arrays):
    """file name -> `Watched` arrays of the golden folder."""
    return lambda name: Watched(name, golden_arrays(name))


@pytest.fixture(scope="session")
def golden_folder() -> Path:
    """The folder of golden vectors (`COSMOS_POLICY_GOLDEN`, default tests/golden)."""
    return Path(os.environ.get("COSMOS_POLICY_GOLDEN", Path(__file__).parents[1] / "golden"))
