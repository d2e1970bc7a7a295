"""The simulator where it can render."""

import importlib
import importlib.util

import pytest

from cosmos_policy.errors import Failure
from sim_eval.physics.simulator import select_gl_backend


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
