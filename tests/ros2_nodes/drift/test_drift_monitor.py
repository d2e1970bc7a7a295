"""The drift alarm: alike pictures score high, others low, and only lasting ones hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from simulated_world import SmoothPrefixTestPolicy
from skimage.metrics import structural_similarity

import embodiments
from cosmos_policy.types import ActionChunk, Observation, PolicyRequest
from ros2_nodes.contract import DriftSettings
from ros2_nodes.drift import DriftMonitor, similarity
from ros2_nodes.reasons import Reason

ROBOT = embodiments.get("droid_joint")


def scene(shift: float, height: int = 96, width: int = 128) -> np.ndarray:
    """A block and a ball before a wall, moved to the right by part of the width."""
    rows, columns = np.mgrid[0:height, 0:width] / float(height)
    at = 0.3 + shift * width / height
    picture = np.stack([120 + 60 * rows, 130 + 40 * columns / 2, 150 - 50 * rows], axis=-1)
    picture[(np.abs(columns - at) < 0.15) & (np.abs(rows - 0.6) < 0.2)] = (200, 40, 30)
    picture[(columns - 0.9) ** 2 + (rows - 0.3) ** 2 < 0.02] = (20, 60, 220)
    return picture.astype(np.uint8)


def test_equal_pictures_score_one_and_the_score_falls_as_things_move():
    scores = [similarity(scene(0.0), scene(shift)) for shift in (0.0, 0.02, 0.08, 0.3)]
    assert scores[0] == pytest.approx(1.0, abs=1e-9)
    assert scores[1] > 0.9 and np.all(np.diff(scores) < 0.0) and scores[3] < 0.75


def test_the_size_of_the_pictures_hardly_matters():
    assert similarity(scene(0.0), scene(0.0, 384, 512)) > 0.98
    assert similarity(scene(0.0), 255 - scene(0.0)) < 0.5


def test_it_is_the_structural_similarity_of_the_literature():
    luma = np.array([0.299, 0.587, 0.114])
    first, second = scene(0.0, 48, 64), scene(0.1, 48, 64)
    _, full = structural_similarity(
        first @ luma, second @ luma, win_size=7, data_range=255.0, use_sample_covariance=False, full=True
    )
    assert similarity(first, second) == pytest.approx(full[3:-3, 3:-3].mean(), abs=1e-9)


def observation(shift: float, stamp: float) -> Observation:
    return Observation({view: scene(shift) for view in ROBOT.views}, {}, stamp)


def predicted(moving: float) -> ActionChunk:
    """A chunk from 10 s on, whose video moves by `moving` of the width a frame."""
    state = ROBOT.example_observation()["state"]
    chunk = SmoothPrefixTestPolicy()(PolicyRequest(Observation({}, state, 10.0), "go", ROBOT))
    frames = [ROBOT.compose({view: scene(moving * index) for view in ROBOT.views}) for index in range(33)]
    return replace(chunk, video=np.stack(frames))


def monitor(**settings) -> DriftMonitor:
    return DriftMonitor(DriftSettings(enabled=True, **settings), ROBOT)


def test_what_comes_as_predicted_scores_high_and_what_does_not_low():
    drift = monitor()
    drift.expect(predicted(0.01), slowdown=1.0)
    assert drift.score(observation(0.1, 10.0 + 10 / 15)) > 0.95
    assert drift.score(observation(0.0, 10.0 + 30 / 15)) < 0.8


def test_only_what_was_predicted_is_compared():
    drift = monitor()
    assert drift.score(observation(0.0, 10.2)) is None
    drift.expect(predicted(0.01), slowdown=1.0)
    assert drift.score(observation(0.0, 10.0)) is None, "frame 0 is the picture that was given"
    assert drift.score(observation(0.0, 12.3)) is None, "after the chunk"
    drift.expect(predicted(0.01), slowdown=2.0)
    assert drift.score(observation(0.0, 10.2)) is None, "a slowed chunk shows other times"
    drift.expect(replace(predicted(0.01), video=None), slowdown=1.0)
    assert drift.score(observation(0.0, 10.2)) is None


def test_only_low_scores_in_a_row_are_a_reason_and_only_where_it_is_asked_for():
    drift = monitor(hold_below=0.5, patience=3)
    assert [bool(drift.causes(score)) for score in (0.4, 0.4, 0.9, 0.4, None, 0.4, 0.4)] == [False] * 6 + [True]
    assert drift.causes(0.2)[0].reason is Reason.DRIFT and "0.20 like what was predicted" in drift.causes(0.2)[0].detail
    drift.forget()
    assert drift.causes(0.2) == ()
    silent = monitor()
    assert all(silent.causes(-1.0) == () for _ in range(10))
