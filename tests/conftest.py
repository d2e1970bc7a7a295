"""What every test may use: the golden folder, and a quiet, single-threaded torch."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

pytest_plugins = ["bytecode", "droid_recordings", "ros_environment"]

TESTS = Path(__file__).parent
GOLDEN = Path(os.environ.get("COSMOS_POLICY_GOLDEN", TESTS / "golden"))
SHARED_DATA = TESTS.parent.parent / "shared" / "data"


@pytest.fixture(scope="session")
def golden_json():
    """file name -> parsed JSON of the golden folder (``COSMOS_POLICY_GOLDEN``, default tests/golden)."""
    return lambda name: json.loads((GOLDEN / name).read_text())


@pytest.fixture(scope="session")
def golden_arrays():
    """file name -> dict of arrays of the golden folder (``COSMOS_POLICY_GOLDEN``, default tests/golden)."""

    def read(name: str) -> dict[str, np.ndarray]:
        with np.load(GOLDEN / name) as arrays:
            return dict(arrays)

    return read


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real inputs beside the checkout; skips where there is none."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the folder of real inputs (../shared/data) is not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def single_thread():
    """torch on one thread: steadier on two shared cores."""
    import torch

    torch.set_num_threads(1)
