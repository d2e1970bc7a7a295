"""The native engine answers as diffusers does, in every mode, alone and among others."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_requests import make_request
from step_loop import run_by_hand

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.guidance import is_guided
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling

CPU = torch.device("cpu")
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def parts(single_thread):
    return load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)


@pytest.fixture(scope="module")
def native(parts):
    return NativeEngine(parts, CPU, torch.float32)


@pytest.fixture(scope="module")
def reference(parts):
    return ReferenceEngine(parts, CPU, torch.float32)


def guided(request, **changes):
    return replace(request, sampling=replace(request.sampling, **changes))


def assert_same(got, expected, tolerance=TOLERANCE):
    scale = max(np.abs(expected.rows).max(initial=0), 1e-6)
    np.testing.assert_allclose(got.rows, expected.rows, rtol=0, atol=tolerance * scale)
    assert (got.video is None) == (expected.video is None)
    if got.video is not None:
        # Rounding to whole levels: a difference of 1e-7 can tip a level now and then, never more.
        apart = np.abs(got.video.astype(int) - expected.video)
        assert apart.max() <= 1 and (apart > 0).mean() < 1e-3


@pytest.mark.parametrize("mode", ["policy", "inverse_dynamics", "forward_dynamics"])
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_every_mode_is_the_pipelines(native, reference, mode, scale):
    request = guided(make_request(mode, video=True), guidance_scale=scale)
    assert_same(native.run([request])[0], reference.run([request])[0])


@pytest.mark.parametrize("size", [(250, 190), (100, 256), (33, 47), (256, 256)])
def test_odd_sizes_and_half_patches_are_the_pipelines(native, reference, size):
    request = make_request("policy", size=size)
    assert_same(native.run([request])[0], reference.run([request])[0])


@pytest.mark.parametrize(
    ("name", "domain", "columns"),
    [("av", 1, 9), ("umi", 6, 10), ("robomind-franka-dual", 12, 20), ("agibotworld", 15, 29), ("hand_pose", 3, 57)],
)
def test_every_width_and_domain_is_the_pipelines(native, reference, name, domain, columns):
    rows = np.random.default_rng(0).normal(size=(4, columns)).astype(np.float32)
    request = make_request("policy", rows=rows, domain_name=name, domain_id=domain)
    assert_same(native.run([request])[0], reference.run([request])[0])


@pytest.mark.parametrize("frames", [0, 1])
def test_generation_is_the_pipelines(native, reference, frames):
    request = make_request("generate", video=True, size=(64, 96), negative_prompt="blurred", seed=4)
    canvas = np.random.default_rng(1).integers(0, 256, (frames, 64, 96, 3), dtype=np.uint8)
    fit = replace(request.fit, canvas_height=64, canvas_width=96, content_height=64, content_width=96, pad_mode=None)
    request = replace(request, frames=canvas, fit=fit)
    assert_same(native.run([request])[0], reference.run([request])[0])


@pytest.mark.parametrize(
    ("clean", "rows", "offset"),
    [(1, 5, 0), (3, 7, -2), (4, 8, -3), (2, 4, 1)],
    ids=["state row", "history of 3", "history of 4", "prefix of 2"],
)
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_clean_rows_are_what_the_transformer_makes_of_them(native, parts, clean, rows, offset, scale):
    given = np.random.default_rng(5).normal(size=(rows, 8)).astype(np.float32)
    request = make_request("policy", rows=given, clean_rows=np.arange(rows) < clean, row_offset=offset)
    request = guided(request, guidance_scale=scale)
    result = native.run([request])[0]
    expected = run_by_hand(parts, request, lambda step, timestep: scale != 1.0)
    np.testing.assert_allclose(result.rows, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
    np.testing.assert_array_equal(result.rows[:clean], given[:clean])


@pytest.mark.parametrize("changes", [{"guidance_interval": (960, 1001)}, {"guidance_steps": 2}, {"guidance_steps": 0}])
def test_guidance_that_stops_is_what_the_loop_makes_of_it(native, parts, changes):
    request = guided(make_request("policy"), num_inference_steps=4, **changes)
    expected = run_by_hand(parts, request, lambda step, timestep: is_guided(request.sampling, step, timestep))
    rows = native.run([request])[0].rows
    np.testing.assert_allclose(rows, expected, rtol=0, atol=TOLERANCE * np.abs(expected).max())
    always = native.run([guided(make_request("policy"), num_inference_steps=4)])[0].rows
    assert np.abs(rows - always).max() > 1e-3  # the limit changes something


def test_a_batch_of_different_requests_is_each_alone(native):
    state_row = {"rows": np.ones((5, 8), np.float32), "clean_rows": np.arange(5) < 1, "row_offset": 0}
    requests = [
        make_request("policy", seed=1),
        make_request("inverse_dynamics", seed=2, prompt="something else entirely, and longer"),
        guided(make_request("forward_dynamics", seed=3, video=True), guidance_scale=1.0),
        guided(make_request("policy", seed=4, **state_row), guidance_steps=1),
        make_request("policy", seed=5, domain_id=1, rows=np.zeros((4, 9), np.float32), video=True),
        make_request("policy", seed=6, size=(100, 256)),
        guided(make_request("policy", seed=7), num_inference_steps=2),
    ]
    together = native.run(requests)
    for request, got in zip(requests, together, strict=True):
        assert_same(got, native.run([request])[0], tolerance=1e-5)


def test_passes_of_few_tokens_change_nothing(parts, native, monkeypatch):
    from cosmos_policy.engine import native as module

    requests = [make_request("policy", seed=seed) for seed in range(3)]
    monkeypatch.setattr(module, "TOKENS_PER_PASS", 1)
    one_by_one = NativeEngine(parts, CPU, torch.float32).run(requests)
    for got, expected in zip(one_by_one, native.run(requests), strict=True):
        assert_same(got, expected, tolerance=1e-5)


def test_modules_of_a_quantiser_are_called_as_they_are(native):
    """Official fp8 checkpoints bring modules of their own in the place of linear layers."""

    class Quantised(torch.nn.Linear):
        pass

    own = load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)
    for module in own.transformer.layers.modules():
        if type(module) is torch.nn.Linear:
            module.__class__ = Quantised
    engine = NativeEngine(own, CPU, torch.float32)
    assert_same(engine.run([make_request("policy")])[0], native.run([make_request("policy")])[0], tolerance=1e-5)


def test_actions_do_not_depend_on_whether_the_video_is_wanted(native):
    bare, filmed = native.run([make_request("policy")])[0], native.run([make_request("policy", video=True)])[0]
    np.testing.assert_allclose(bare.rows, filmed.rows, atol=1e-6)


def test_text_is_read_once(native):
    request = make_request("policy", prompt="a prompt that no other test reads")
    native.run([request])
    before = native.texts.misses
    native.run([request, replace(request, seed=99)])
    assert native.texts.misses == before


def test_times_add_up_and_every_step_is_told(native):
    result = native.run([make_request("policy")])[0]
    assert len(result.step_ms) == 3
    assert result.timing["denoise"] == pytest.approx(sum(result.step_ms))
    assert {"text", "encode", "denoise", "decode", "transfer"} <= set(result.timing)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"num_frames": 6}, "num_frames is 6"),
        ({"rows": np.zeros((4, 65), np.float32)}, "D at most 64"),
        ({"sampling": Sampling(3, 3.0, 5.0, 256, guidance_interval=(9, 1))}, "guidance_interval"),
        ({"sampling": Sampling(3, 3.0, 5.0, 256, guidance_steps=-1)}, "guidance_steps"),
    ],
)
def test_what_cannot_be_is_told(native, changes, words):
    with pytest.raises(UsageError, match=words):
        native.run([make_request("policy", **changes)])
