"""The two ways of resizing are one: what a robot's computer sends is what the GPU machine would have made."""

import numpy as np
import pytest

from cosmos_policy.inputs import resizing

NOISE = np.random.default_rng(3).integers(0, 256, (2, 108, 128, 3), dtype=np.uint8)


@pytest.mark.parametrize("how", ["bicubic", "bilinear"])
@pytest.mark.parametrize("size", [(51, 61), (108, 64), (256, 303)])
def test_pillow_and_torch_agree_to_the_level(how, size, single_thread):
    ours = resizing._with_torch(NOISE, *size, how).astype(int)
    light = resizing._with_pillow(NOISE, *size, how).astype(int)
    assert np.abs(ours - light).max() <= 1
    assert (ours != light).mean() < 2e-3


def test_without_torch_the_light_way_is_taken(monkeypatch):
    monkeypatch.setattr(resizing.importlib.util, "find_spec", lambda name: None)
    assert np.array_equal(resizing.resize(NOISE, 51, 61, "bicubic"), resizing._with_pillow(NOISE, 51, 61, "bicubic"))
