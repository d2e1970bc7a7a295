"""What callers see while and after something is made: lengths, seeds, batches, progress, cancellation, long prompts."""

import logging

import numpy as np
import pytest
from scipy import ndimage

from cosmos_policy import GenerateRequest, Sampling, Transfer, UsageError
from cosmos_policy.errors import Cancelled
from cosmos_policy.generator.controls import COMPUTED, KINDS, compute_control
from cosmos_policy.generator.pictures import cover, lengthen

QUICK = Sampling(num_inference_steps=2)


def apart(one, other):
    return np.abs(one.frames.astype(int) - other.frames)


@pytest.mark.parametrize("frames", [1, 5, 6, 8])
def test_a_video_is_as_long_as_was_asked(tiny, frames):
    media = tiny.generate("x", num_frames=frames, fps=30, sound=frames > 1, sampling=QUICK)
    assert media.frames.shape == (frames, 192, 320, 3)
    if frames > 1:
        assert media.sound.shape == (2, 1600 * frames)
        assert media.sound.dtype == np.float32 and np.abs(media.sound).max() <= 1
    assert {"prepare", "text", "encode", "denoise", "decode", "total"} <= set(media.timing)


def test_the_seed_and_the_words_settle_the_answer(tiny):
    first, again, other = (tiny.generate("x", num_frames=5, seed=seed, sampling=QUICK) for seed in (1, 1, 2))
    np.testing.assert_array_equal(first.frames, again.frames)
    assert apart(first, other).mean() > 5
    assert apart(first, tiny.generate("y", num_frames=5, seed=1, sampling=QUICK)).max() > 0
    shown = tiny.generate("x", num_frames=5, seed=1, negative_prompt="fog", sampling=QUICK)
    assert apart(first, shown).max() > 0


def test_a_batch_is_each_alone(tiny, clip):
    requests = [
        GenerateRequest("a", num_frames=5, seed=1, sampling=QUICK),
        GenerateRequest("b and more", num_frames=1, seed=2, sampling=QUICK, aspect_ratio="1:1"),
        GenerateRequest("c", num_frames=9, seed=3, sound=True, image=clip[0], sampling=Sampling(3, 1.0)),
        GenerateRequest("d", seed=4, transfer=Transfer({"depth": clip}, guidance=2.0, chunk_frames=5), sampling=QUICK),
        GenerateRequest("e", num_frames=5, seed=5, sound=True, sampling=QUICK),
    ]
    told = []
    for request, got in zip(requests, tiny.generate(requests, on_step=lambda *step: told.append(step)), strict=True):
        alone = tiny.generate(request)
        assert apart(got, alone).max() <= 1
        assert got.info["mode"] == alone.info["mode"]
        if request.sound:
            np.testing.assert_allclose(got.sound, alone.sound, atol=1e-4)
    # two schedules of single videos, and two chunks of two steps
    assert told == [(step, 2 + 3 + 4) for step in range(1, 10)]


@pytest.mark.parametrize("transfer", [False, True])
def test_what_the_progress_raises_stops_within_that_step(tiny, clip, transfer):
    told = []

    def stop(done, steps):
        told.append(done)
        if done == 3:
            raise Cancelled

    options = {"transfer": Transfer({"edge": clip}, chunk_frames=5)} if transfer else {"num_frames": 9}
    with pytest.raises(Cancelled):
        tiny.generate("x", sampling=Sampling(num_inference_steps=2 if transfer else 50), on_step=stop, **options)
    assert told == [1, 2, 3]
    assert len(tiny.generate("x", num_frames=5, sampling=QUICK).frames) == 5  # nothing is left behind


def test_following_tells_of_every_step(tiny):
    told = []
    media = tiny.follow_generate(GenerateRequest("x", num_frames=5, sampling=QUICK), told.append)
    assert told[:3] == [{}, {"step": 1, "steps": 2}, {"step": 2, "steps": 2}]
    assert set(map(len, told[3:])) == {0}  # rests while it is decoded
    assert len(media.frames) == 5


def test_what_is_urgent_is_computed_between_steps_and_between_parts_of_a_clip(tiny, observation, clip):
    """The long and the urgent answers are those that they are alone."""
    robot = {"embodiment": "droid", "chunk_size": 4, "sampling": Sampling(1, 1.0, 5.0, 256), "seed": 2}
    wanted = tiny.policy(observation, "go", **robot).model
    request = GenerateRequest("x", num_frames=9, sampling=QUICK, transfer=Transfer({"blur": clip[:9]}), seed=4)
    alone = tiny.generate(request).frames
    places, steps = [], 0

    def urgent(event):
        nonlocal steps
        steps = event.get("step", steps)
        places.append(steps)
        np.testing.assert_array_equal(tiny.policy(observation, "go", **robot).model, wanted)

    np.testing.assert_array_equal(tiny.follow_generate(request, urgent).frames, alone)
    assert places.count(0) > 1 and places.count(2) > 1  # while controls are encoded, and while frames are decoded


def test_who_leaves_while_frames_are_decoded_stops_that_too(tiny):
    told = []

    def stop(event):
        told.append(event)
        if not event and len(told) > 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        tiny.follow_generate(GenerateRequest("x", num_frames=9, sampling=QUICK), stop)
    assert told == [{}, {"step": 1, "steps": 2}, {"step": 2, "steps": 2}, {}]


def test_long_prose_gets_a_warning_and_a_structured_prompt_none(tiny, caplog):
    caplog.set_level(logging.WARNING, logger="cosmos_policy")
    tiny.generate("word " * 300, num_frames=1, sampling=QUICK)
    tiny.generate('{"subjects": "' + "word " * 400 + '"}', num_frames=1, sampling=QUICK)
    assert not caplog.messages
    tiny.generate("word " * 301, num_frames=1, sampling=QUICK)
    assert caplog.messages == ["The prompt has 301 words; the model follows prompts of up to 300 words best."]


def test_a_prompt_is_never_cut(tiny):
    with pytest.raises(UsageError, match="at most 20 were allowed"):
        tiny.generate("a prompt of many words", num_frames=1, max_prompt_tokens=20, sampling=QUICK)
    tiny.generate("a prompt of many words", num_frames=1, max_prompt_tokens=500, sampling=QUICK)


def test_controls_are_followed(tiny, clip):
    """What they show and how strongly changes the answer; in which order they are named does not."""
    clip = clip[:5]

    def made(videos, guidance=1.0):
        return tiny.generate("x", seed=1, sampling=QUICK, transfer=Transfer(videos, guidance=guidance))

    one, other = {"edge": clip, "depth": 255 - clip}, {"depth": 255 - clip, "edge": clip}
    np.testing.assert_array_equal(made(one).frames, made(other).frames)
    assert apart(made(one), made({"edge": clip, "depth": clip})).max() > 0
    assert apart(made(one), made(one, guidance=4.0)).max() > 0
    assert made(one).info["controls"] == ["depth", "edge"]


def test_edges_and_blur_are_what_they_are_called(clip):
    square = (clip == (250, 80, 30)).all(axis=-1, keepdims=True)
    clip = np.where(square, np.uint8(255), clip // 2)  # a bright square before a dark slope
    edge, blurred = compute_control("edge", clip), compute_control("blur", clip)
    assert edge.shape == blurred.shape == clip.shape
    assert set(np.unique(edge)) == {0, 255}
    for index in range(len(clip)):  # the square's outline, and nothing inside it or on the slope
        found = np.argwhere(edge[index, ..., 0])
        left, right = 40 + 12 * index, 110 + 12 * index
        assert abs(found[:, 0].min() - 60) <= 2 and abs(found[:, 0].max() - 119) <= 2
        assert abs(found[:, 1].min() - left) <= 2 and abs(found[:, 1].max() - (right - 1)) <= 2
        assert not edge[index, 70:110, left + 8 : right - 8].any()
    sharpness = [ndimage.laplace(frames[0, ..., 0].astype(float)).std() for frames in (clip, blurred)]
    assert sharpness[1] < sharpness[0] / 5
    assert abs(blurred.mean() - clip.mean()) < 1
    for kind in set(KINDS) - set(COMPUTED):
        with pytest.raises(UsageError, match="give the control video itself"):
            compute_control(kind, clip)
    with pytest.raises(UsageError, match="no control 'smell'"):
        compute_control("smell", clip)


@pytest.mark.parametrize(
    ("transfer", "options", "words"),
    [
        (Transfer({}), {}, "at least one control video"),
        ("edge", {}, "at least one control video"),
        (Transfer({"edge": None}), {}, "control video edge has shape"),
        (Transfer({"edge": np.zeros((5, 8, 8, 3), np.uint8)}, guidance=float("nan")), {}, "finite number"),
        (Transfer({"edge": np.zeros((5, 8, 8, 3), np.uint8)}, interval=(9, 1)), {}, "between 0 and 1001"),
        (Transfer({"edge": np.zeros((5, 8, 8, 3), np.uint8)}, chunk_frames=0), {}, "chunk_frames is 0"),
        (Transfer({"smell": np.zeros((5, 8, 8, 3), np.uint8)}), {}, "no control smell"),
        (Transfer({"edge": np.zeros((5, 8, 8), np.uint8)}), {}, "control video edge has shape"),
        (Transfer({"edge": np.zeros((3, 8, 8, 3), np.uint8)}), {}, "num_frames is 3"),
        (Transfer({"edge": np.zeros((5, 8, 8, 3), np.uint8)}), {"num_frames": 9}, "control videos have 5"),
        (Transfer({"edge": np.zeros((5, 8, 8, 3), np.uint8)}), {"sound": True}, "takes no sound"),
        (
            Transfer({"edge": np.zeros((5, 8, 8, 3), np.uint8), "blur": np.zeros((6, 8, 8, 3), np.uint8)}),
            {},
            "edge 5, blur 6 frames",
        ),
        (Transfer({"edge": np.zeros((9, 8, 8, 3), np.uint8)}, chunk_frames=5, overlap_frames=2), {}, "1, 5, 9"),
        (Transfer({"edge": np.zeros((9, 8, 8, 3), np.uint8)}, chunk_frames=5, overlap_frames=5), {}, "expected fewer"),
        (Transfer({"edge": np.zeros((9, 8, 8, 3), np.uint8)}, start_frames=1), {}, "go together"),
    ],
)
def test_a_transfer_that_cannot_be_is_told(tiny, transfer, options, words):
    with pytest.raises(UsageError, match=words):
        tiny.generate("x", transfer=transfer, sampling=QUICK, **options)


def test_frames_are_covered_from_their_middle():
    frames = np.zeros((2, 50, 200, 3), np.uint8)
    frames[:, :, 80:120] = 200
    covered = cover(frames, (100, 100), "frames")
    assert covered.shape == (2, 100, 100, 3)
    assert covered[:, :, 30:70].min() > 150 and covered[:, :, :8].max() < 20
    assert cover(covered, (100, 100), "frames") is covered


@pytest.mark.parametrize(
    ("frames", "count", "order"), [(3, 7, "0122112"), (1, 4, "0000"), (4, 4, "0123"), (4, 6, "012332")]
)
def test_short_controls_are_played_backwards(frames, count, order):
    """The order is diffusers', whose own steps it was read from: mirrored with the last frame doubled."""
    video = np.arange(frames)[:, None, None, None].repeat(3, 3).astype(np.uint8)
    assert "".join(map(str, lengthen(video, count)[:, 0, 0, 0])) == order
