"""The reference engine makes what the native one makes, one request after the other, and says what it cannot."""

import numpy as np
import pytest
import torch
from distilled import make_distilled

import cosmos_policy
from cosmos_policy import GenerateRequest, Sampling, Transfer, UsageError
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.generator.jobs import Habits, make_job
from cosmos_policy.generator.run import run_jobs


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


def test_sound_is_told_apart_from_pictures(tiny_folder, single_thread):
    """Fresh weights' modality embedding is zero; trained ones' is not."""
    cpu = torch.device("cpu")
    parts = load_parts(tiny_folder, cpu, torch.float32)
    engines = [kind(parts, cpu, torch.float32) for kind in (NativeEngine, ReferenceEngine)]
    habits = Habits("tiny", "0", Sampling(2, 3.0, 10.0, 256))
    job = make_job(GenerateRequest("a", num_frames=9, sound=True), habits, "engine")
    plain = run_jobs([job], engines[0])[0].sound
    parts.transformer.audio_modality_embed.data.normal_(generator=torch.Generator().manual_seed(0))
    ours, theirs = (run_jobs([job], engine)[0].sound for engine in engines)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-4 * np.abs(theirs).max())
    assert np.abs(ours - plain).max() > 10 * 1e-4 * np.abs(theirs).max()
