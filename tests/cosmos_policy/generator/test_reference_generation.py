"""The reference engine makes what the native one makes, one request after the other, and says what it cannot."""

import numpy as np
import pytest
from distilled import make_distilled

import cosmos_policy
from cosmos_policy import GenerateRequest, Sampling, Transfer, UsageError


@pytest.fixture(scope="module")
def reference(single_thread):
    with cosmos_policy.load("tiny", device="cpu", engine="diffusers") as model:
        yield model


def test_every_mode_is_the_native_engines(reference, tiny, clip):
    sampling = Sampling(num_inference_steps=2)
    requests = [
        GenerateRequest("a", num_frames=1, seed=1, sampling=sampling),
        GenerateRequest("b", num_frames=9, seed=2, sound=True, sampling=sampling, negative_prompt="fog"),
        GenerateRequest("c", num_frames=9, seed=3, image=clip[0], sampling=sampling),
        GenerateRequest("d", num_frames=13, seed=4, video=clip, condition_frames=(0, 2), sampling=sampling),
    ]
    told = []
    theirs = reference.generate(requests, on_step=lambda *step: told.append(step))
    assert told == [(step, 8) for step in range(1, 9)]
    for expected, got in zip(theirs, tiny.generate(requests), strict=True):
        apart = np.abs(got.frames.astype(int) - expected.frames)
        assert apart.max() <= 1 and (apart > 0).mean() < 1e-3
        assert (got.sound is None) == (expected.sound is None)
        if got.sound is not None:
            np.testing.assert_allclose(got.sound, expected.sound, atol=1e-4)
        assert expected.info["engine"].startswith("diffusers")


def test_what_it_cannot_is_told(reference, clip, tiny_folder, tmp_path):
    with pytest.raises(UsageError, match=r"no control videos; with engine=\"native\" this runs"):
        reference.generate("x", transfer=Transfer({"edge": clip}))
    folder = make_distilled(tiny_folder, tmp_path / "few-step", stochastic=True)
    with (
        cosmos_policy.load(folder, device="cpu", like="tiny", engine="diffusers") as model,
        pytest.raises(UsageError, match="no few-step checkpoint"),
    ):
        model.generate("x", num_frames=1)
