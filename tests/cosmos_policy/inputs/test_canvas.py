"""Canvas and padding against the framework's own numbers, and the properties that must hold for any size."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosmos_policy.errors import UsageError
from cosmos_policy.inputs import CANVASES, choose_tier, fit_frames, plan_fit, visible_content


def test_every_golden_size_lands_where_training_put_it(golden_json):
    compared = 0
    for case in golden_json("resize_pad.json")["cases"]:
        tier = None if case["tier"] is None else int(case["tier"])
        expected = case["framework"]
        if "error" in expected:
            with pytest.raises(UsageError, match="too large"):
                plan_fit(case["in_h"], case["in_w"], tier)
            continue
        fit = plan_fit(case["in_h"], case["in_w"], tier)
        got = {
            "canvas_h": fit.canvas_height,
            "canvas_w": fit.canvas_width,
            "content_h": fit.content_height,
            "content_w": fit.content_width,
            "pad_right": fit.pad_right,
            "pad_bottom": fit.pad_bottom,
            "pad_mode": fit.pad_mode,
        }
        assert got == expected, case
        if tier is None:
            assert choose_tier(case["in_h"], case["in_w"]) == int(case["auto_tier"])
        compared += 1
    assert compared


def test_golden_pictures_are_resized_and_padded_to_the_level(golden_arrays):
    arrays = golden_arrays("images_resize_pad.npz")
    names = [key.removesuffix("_in") for key in arrays if key.endswith("_in")]
    assert names
    for name in names:
        canvas, fit = fit_frames(arrays[f"{name}_in"][None], int(arrays[f"{name}_tier"]))
        difference = np.abs(canvas[0].astype(int) - arrays[f"{name}_out"].astype(int))
        assert difference.max() <= 1, name
        sizes = [fit.canvas_height, fit.canvas_width, fit.content_height, fit.content_width]
        assert sizes == arrays[f"{name}_image_size"].tolist()


@given(st.integers(1, 2048), st.integers(1, 2048), st.sampled_from([None, *CANVASES]))
def test_a_fit_never_enlarges_and_always_fills_the_canvas(height, width, tier):
    fit = plan_fit(height, width, tier)
    assert fit.content_height <= height and fit.content_width <= width
    assert fit.pad_right >= 0 and fit.pad_bottom >= 0
    assert (fit.canvas_height, fit.canvas_width) in CANVASES[tier or choose_tier(height, width)].values()
    assert (fit.pad_mode is None) == (fit.pad_right == 0 and fit.pad_bottom == 0)


@given(st.integers(1, 300), st.integers(1, 300))
def test_canvas_keeps_the_content_top_left(height, width):
    frames = np.random.default_rng(0).integers(0, 256, (2, height, width, 3), dtype=np.uint8)
    canvas, fit = fit_frames(frames)
    assert canvas.shape == (2, fit.canvas_height, fit.canvas_width, 3) and canvas.dtype == np.uint8
    if (fit.content_height, fit.content_width) == (height, width):
        np.testing.assert_array_equal(canvas[:, :height, :width], frames)
    assert visible_content(frames).shape[1:3] == (fit.visible_height, fit.visible_width)


@pytest.mark.parametrize(
    ("frames", "sentence"),
    [
        (np.zeros((4, 4, 3), np.uint8), r"shape \[4, 4, 3\]; expected RGB frames \[T, H, W, 3\]"),
        (np.zeros((1, 4, 4, 3), np.float32), "dtype float32; expected uint8"),
        (np.zeros((1, 4, 4, 4), np.uint8), "expected RGB frames"),
    ],
)
def test_wrong_frames_are_told_what_was_expected(frames, sentence):
    with pytest.raises(UsageError, match=sentence):
        fit_frames(frames)


def test_an_unknown_tier_is_told_the_known_ones():
    with pytest.raises(UsageError, match="choose one of 256, 480, 704, 720, 768"):
        plan_fit(100, 100, 512)
