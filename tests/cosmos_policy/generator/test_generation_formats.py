"""Every size, rate and length of the table is made; anything else is refused with the nearest that is."""

import re

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cosmos_policy.errors import UsageError
from cosmos_policy.generator.formats import ASPECT_RATIOS, FRAME_RATES_HZ, SIZES, TIERS, check_length, choose_size
from cosmos_policy.generator.jobs import Habits, make_job
from cosmos_policy.types import GenerateRequest, Sampling

HABITS = Habits("tiny", "0", Sampling(4, 3.0, 10.0, 256))


def test_the_table_is_the_published_one(golden_json):
    published = golden_json("tables.json")["canvases_w_h_framework"]
    assert len(SIZES) == 15
    for (tier, ratio), size in SIZES.items():
        assert size == tuple(published[str(tier)][ratio.replace(":", ",")])


@given(
    frames=st.integers(5, 300),
    fps=st.sampled_from(FRAME_RATES_HZ),
    tier=st.sampled_from(TIERS),
    ratio=st.sampled_from(ASPECT_RATIOS),
)
@settings(max_examples=60, deadline=None)
def test_every_length_and_rate_is_planned_exactly(frames, fps, tier, ratio):
    request = GenerateRequest(
        "x", num_frames=frames, fps=fps, aspect_ratio=ratio, sound=True, sampling=Sampling(resolution_tier=tier)
    )
    job = make_job(request, HABITS, "engine")
    chunk = job.chunks[0]
    assert job.num_frames == frames
    assert frames <= chunk.num_frames < frames + 4 and chunk.num_frames % 4 == 1
    assert (chunk.fit.canvas_width, chunk.fit.canvas_height) == SIZES[tier, ratio]
    assert abs(job.samples / 48_000 - frames / fps) < 1e-3
    assert 0 <= chunk.sound_frames * 1920 - job.samples < 1920
    assert chunk.prompt.endswith(f"is of {SIZES[tier, ratio][1]}x{SIZES[tier, ratio][0]} resolution.")


@pytest.mark.parametrize("size", sorted(set(SIZES.values())))
def test_every_size_is_the_pipelines(tiny, pipeline, monkeypatch, size):
    from cosmos_policy.engine.autoencoder import Autoencoder

    seen = []

    def no_decoding(self, latents, rest=None):
        seen.append(latents)
        return torch.zeros(1, 1, 16, 16, 3, dtype=torch.uint8)

    monkeypatch.setattr(Autoencoder, "decode", no_decoding)
    sampling = Sampling(num_inference_steps=1, guidance_scale=1.0)
    tiny.generate("a robot.", num_frames=1, size=size, seed=2, sampling=sampling)
    expected = pipeline(
        prompt="a robot.", num_frames=1, width=size[0], height=size[1], num_inference_steps=1, guidance_scale=1.0,
        generator=torch.Generator().manual_seed(2), output_type="latent",
    ).video  # fmt: skip
    np.testing.assert_allclose(seen[0], expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@given(width=st.integers(1, 4000), height=st.integers(1, 4000))
@settings(max_examples=200, deadline=None)
def test_another_size_is_refused_with_one_that_is_made(width, height):
    request = GenerateRequest("x", size=(width, height))
    if (width, height) in SIZES.values():
        assert choose_size(request, 256) == (width, height)
        return
    with pytest.raises(UsageError) as caught:
        choose_size(request, 256)
    near = re.search(r"nearest: (\d+)x(\d+)", str(caught.value))
    assert (int(near[1]), int(near[2])) in SIZES.values()


@pytest.mark.parametrize(("frames", "near"), [(0, 1), (-7, 1), (2, 1), (3, 1), (4, 5), (301, 300), (9999, 300)])
def test_another_length_is_refused_with_the_nearest(frames, near):
    with pytest.raises(UsageError, match=rf"nearest: {near}\)"):
        check_length(frames)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"fps": 25}, r"10, 16, 24, 30 frames per second \(nearest: 24\)"),
        ({"fps": float("nan")}, "10, 16, 24, 30"),
        ({"fps": True}, "10, 16, 24, 30"),
        ({"num_frames": 5.5}, "num_frames is 5.5"),
        ({"aspect_ratio": "21:9"}, "nearest: 16:9"),
        ({"aspect_ratio": "wide"}, "expected one of 16:9"),
        ({"sampling": Sampling(resolution_tier=500)}, "nearest: 480"),
        ({"sampling": Sampling(resolution_tier=704)}, "nearest: 720"),
        ({"size": (832, 480), "aspect_ratio": "16:9"}, "size and aspect_ratio"),
        ({"size": (832, 480), "sampling": Sampling(resolution_tier=480)}, "size and resolution_tier"),
        ({"size": "832x480"}, "expected \\(width, height\\)"),
        ({"prompt": "  "}, "prompt is empty"),
        ({"prompt": 3}, "prompt is a int"),
        ({"seed": 2**64}, "whole number of 64 bits"),
        ({"num_frames": 1, "sound": True}, "A picture makes no sound"),
        ({"num_frames": 1, "image": np.zeros((8, 8, 3), np.uint8)}, "from words alone"),
        ({"image": np.zeros((8, 8, 3), np.uint8), "video": np.zeros((5, 8, 8, 3), np.uint8)}, "both given"),
        ({"image": np.zeros((8, 8, 3))}, "dtype float64"),
        ({"image": np.zeros((8, 8), np.uint8)}, r"expected RGB frames \[H, W, 3\]"),
        ({"video": np.zeros((4, 8, 8, 3), np.uint8)}, "needs at least 5"),
        ({"video": np.zeros((9, 8, 8, 3), np.uint8), "condition_frames": (0, 48)}, "from 0 to 47"),
        ({"video": np.zeros((9, 8, 8, 3), np.uint8), "condition_frames": ()}, "from 0 to 47"),
        ({"video": np.zeros((9, 8, 8, 3), np.uint8), "num_frames": 5}, "nothing is left to make"),
        ({"video": np.zeros((9, 8, 8, 3), np.uint8), "condition_from": "middle"}, "'first' or 'last'"),
        ({"max_prompt_tokens": 0}, "max_prompt_tokens is 0"),
    ],
)
def test_what_cannot_be_made_is_told(options, words):
    with pytest.raises(UsageError, match=words):
        make_job(GenerateRequest(**{"prompt": "x", **options}), HABITS, "engine")


@pytest.mark.parametrize(
    ("shape", "size"), [((90, 160), (320, 192)), ((100, 100), (256, 256)), ((160, 90), (192, 320))]
)
def test_a_given_picture_settles_the_shape(shape, size):
    request = GenerateRequest("x", image=np.zeros((*shape, 3), np.uint8))
    assert choose_size(request, 256) == size
