"""The simulator where it can render; the shipped episodes as LeRobot reads them."""

import importlib
import importlib.util
from pathlib import Path

import numpy as np
import pytest

import sim_eval
from cosmos_policy.errors import Failure
from sim_eval.physics.simulator import select_gl_backend

DEMO_FOLDER = Path(sim_eval.__path__[0]) / "data" / "demo_droid"


@pytest.fixture(scope="session")
def physics():
    """The package ``sim_eval.physics``, once robosuite and an OpenGL library are known to be there."""
    if importlib.util.find_spec("robosuite") is None:
        pytest.skip("robosuite is not installed (extra 'simulation')")
    try:
        select_gl_backend()
    except Failure as reason:
        pytest.skip(str(reason))
    return importlib.import_module("sim_eval.physics")


@pytest.fixture(scope="session")
def demo_folder() -> Path:
    return DEMO_FOLDER


@pytest.fixture(scope="session")
def demo():
    """The shipped episodes, as a ``LeRobotDataset``."""
    pytest.importorskip("lerobot", reason="lerobot is not installed (extra 'evaluation')")
    from lerobot.datasets.lerobot_dataset import LeRobotDataset

    return LeRobotDataset("cosmos-policy/demo_droid", root=DEMO_FOLDER, video_backend="pyav")


@pytest.fixture(scope="session")
def episodes(demo):
    """The numbers of each shipped episode: feature name -> ``[frames, width]`` float64."""
    numbers = demo.hf_dataset.with_format("numpy")
    table = {name: np.asarray(numbers[name], dtype=float).reshape(len(demo), -1) for name in numbers.column_names}
    starts = np.flatnonzero(table["frame_index"][:, 0] == 0)
    cut = {name: np.split(rows, starts[1:]) for name, rows in table.items()}
    return [{name: rows[number] for name, rows in cut.items()} for number in range(len(starts))]
