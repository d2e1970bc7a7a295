"""Tokens, masks and positions, against the framework's own sequence plans."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_requests import make_request

from cosmos_policy.engine.layout import Grid, Layout, layout_of
from cosmos_policy.inputs import Fit

GRID = Grid(cell_pixels=16, frames_per_latent=4, patch_cells=2, channels=3, action_width=8)


def make_layout(frames=3, height=4, width=6, known=1, clean=(True, False, False)):
    return Layout(GRID, frames, height, width, known, len(clean), 0, tuple(clean), 5, 15.0)


def test_the_frameworks_sequence_plans(golden_json):
    for case in golden_json("sequence_plans.json")["cases"]:
        rows, frames = case["action_length_incl_history"], case["video_length"]
        known = {"inverse_dynamics": frames}.get(case["mode"], 1)
        clean = np.isin(np.arange(rows), case["condition_frame_indexes_action"])
        request = make_request(
            "policy",
            frames=np.zeros((known, 32, 32, 3), np.uint8),
            fit=Fit(32, 32, 32, 32, None),
            num_frames=frames,
            rows=np.zeros((rows, 5), np.float32),
            clean_rows=clean,
            row_offset=case["action_start_frame_offset"],
        )
        layout = layout_of(request, GRID)
        noisy = layout.noisy_tokens().numpy()
        assert list(range(layout.known_frames)) == case["condition_frame_indexes_vision"]
        assert noisy[: layout.video_tokens].sum() == (layout.latent_frames - layout.known_frames) * layout.frame_tokens
        np.testing.assert_array_equal(noisy[layout.video_tokens :], ~clean)


def test_a_rows_time_is_its_video_frames(single_thread):
    from types import SimpleNamespace

    config = SimpleNamespace(
        enable_fps_modulation=True,
        unified_3d_mrope_temporal_modality_margin=15000,
        unified_3d_mrope_reset_spatial_ids=True,
        base_fps=24,
    )
    layout = replace(make_layout(frames=9, clean=[True] + [False] * 32), offset=0)
    times = layout.positions(300, config)[0]
    video, rows = times[: layout.video_tokens : layout.frame_tokens], times[layout.video_tokens :]
    torch.testing.assert_close(rows[::4], video)  # one latent frame is four rows; row 0 is the present
    assert float(rows[0]) == 15300


@settings(max_examples=30, deadline=None)
@given(frames=st.integers(1, 4), height=st.integers(1, 7), width=st.integers(1, 7), seed=st.integers(0, 9))
def test_latents_survive_being_cut_into_tokens(frames, height, width, seed):
    layout = make_layout(frames, height, width)
    latents = torch.randn(layout.latent_shape, generator=torch.Generator().manual_seed(seed))
    tokens = layout.to_tokens(latents)
    assert tokens.shape == (layout.video_tokens, layout.patch_width)
    torch.testing.assert_close(layout.to_latents(tokens), latents)


@pytest.mark.parametrize(
    ("known", "clean", "video", "first"),
    [
        (1, (True, False, False), True, 6),
        (1, (True, False, False), False, 19),
        (3, (False, False), True, 18),
        (1, (True, True), False, 19),
        (0, (), True, 0),
    ],
)
def test_what_is_needed_after_the_last_layer(known, clean, video, first):
    assert make_layout(known=known, clean=clean).first_needed(video) == first


def test_what_stays_is_not_live():
    layout = make_layout(height=3, width=5)
    video = layout.to_latents(layout.live_video())
    assert video[:, :, 0].sum() == 0 and (video[:, :, 1:] == 1).all()
    assert layout.live_video().sum() == 2 * 3 * 5 * 3  # two noisy frames of 3 x 5 cells, and none of the padding
    rows = layout.live_rows()
    assert rows[0].sum() == 0 and (rows[1:, :5] == 1).all() and rows[:, 5:].sum() == 0
