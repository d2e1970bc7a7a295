"""A model that is given back twice."""

import pytest

import cosmos_policy


@pytest.mark.parametrize("engine", ["native", "diffusers"])
def test_closing_twice_is_harmless(single_thread, engine):
    model = cosmos_policy.load("tiny", device="cpu", engine=engine)
    model.close()
    model.close()
