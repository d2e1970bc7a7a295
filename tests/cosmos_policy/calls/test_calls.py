"""The three calls with the tiny model: shapes, units, anchors, seeds, batches; and what wrong input is told."""

import dataclasses

import numpy as np
import pytest

import cosmos_policy
from cosmos_policy import (
    ForwardDynamicsRequest,
    InverseDynamicsRequest,
    Observation,
    PolicyRequest,
    Sampling,
    UsageError,
)
from cosmos_policy.inputs import visible_content

QUICK = Sampling(num_inference_steps=2)


def test_policy_answers_with_a_chunk_anchored_to_the_observation(tiny, droid, observation):
    chunk = tiny.policy(observation, "lift the cube", embodiment="droid", seed=1, chunk_size=4, sampling=QUICK)
    assert chunk.model.shape == chunk.unified.shape == (4, droid.action_dim)
    np.testing.assert_allclose(chunk.unified, droid.denormalize(np.asarray(chunk.model, np.float64)))
    expected = droid.decode(chunk.unified, observation.state)
    assert chunk.commands.keys() == expected.keys()
    for name, values in expected.items():
        np.testing.assert_array_equal(chunk.commands[name], values)
        assert len(values) == 4
    assert chunk.dt == pytest.approx(1 / 15)
    assert chunk.stamp == 12.5
    assert chunk.valid_until == pytest.approx(12.5 + 4 / 15)
    assert chunk.video is None
    assert {"prepare", "encode", "denoise", "total"} <= chunk.timing.keys()
    assert chunk.info["checkpoint"] == "tiny"
    assert "lift the cube." in chunk.info["prompt"]


def test_the_seed_decides_and_nothing_else_does(tiny, observation):
    def rows(seed):
        return tiny.policy(observation, "x", embodiment="droid", seed=seed, chunk_size=4, sampling=QUICK).model

    first = rows(7)
    np.random.seed(1)  # noqa: NPY002 (the global state must not matter)
    np.testing.assert_array_equal(rows(7), first)
    assert np.abs(rows(8) - first).max() > 1e-3


def test_the_instruction_and_the_picture_matter(tiny, observation):
    def rows(observation, instruction):
        return tiny.policy(observation, instruction, embodiment="droid", chunk_size=4, sampling=QUICK).model

    reference = rows(observation, "open the drawer")
    assert np.abs(rows(observation, "close the drawer") - reference).max() > 1e-6
    negative = {view: 255 - image for view, image in observation.images.items()}
    assert np.abs(rows(dataclasses.replace(observation, images=negative), "open the drawer") - reference).max() > 1e-6


def test_the_expected_video_comes_when_it_is_asked_for(tiny, droid, observation):
    chunk = tiny.policy(observation, "x", embodiment="droid", chunk_size=4, sampling=QUICK, video=True)
    seen = visible_content(droid.compose(observation.images)[None], 256)
    assert chunk.video.shape == (5, *seen.shape[1:])
    assert chunk.video.dtype == np.uint8


def test_inverse_dynamics_reads_frames_and_knows_commands_only_with_a_state(tiny, droid, observation, frames):
    bare = tiny.inverse_dynamics(frames, embodiment=droid, sampling=QUICK)
    assert bare.unified.shape == (4, 10)
    assert bare.commands == {}
    anchored = tiny.inverse_dynamics(frames, embodiment=droid, sampling=QUICK, state=observation.state)
    np.testing.assert_array_equal(anchored.unified, bare.unified)
    assert anchored.commands["end_effector_position"].shape == (4, 3)


def test_forward_dynamics_shows_what_will_be_seen(tiny, droid, frames):
    actions = droid.encode(droid.example_trajectory(num_steps=4, seed=0))
    rollout = tiny.forward_dynamics(frames[0], actions, embodiment="droid", sampling=QUICK)
    assert rollout.frames.shape == visible_content(frames, 256).shape
    other = tiny.forward_dynamics(frames[0], actions[::-1].copy(), embodiment="droid", sampling=QUICK)
    assert not np.array_equal(other.frames, rollout.frames)


def test_a_list_goes_in_and_a_list_comes_out_each_as_alone(tiny, observation, frames, droid):
    requests = [
        PolicyRequest(observation, text, "droid", seed=seed, chunk_size=4, sampling=QUICK)
        for seed, text in enumerate(["open the drawer", "close the drawer"])
    ]
    for request, chunk in zip(requests, tiny.policy(requests), strict=True):
        np.testing.assert_allclose(chunk.model, tiny.policy(request).model, rtol=1e-5, atol=1e-6)
    windows = [InverseDynamicsRequest(frames, droid, seed=seed, sampling=QUICK) for seed in (0, 1)]
    assert len(tiny.inverse_dynamics(windows)) == 2
    assert tiny.policy([]) == []


def test_sampling_is_filled_from_the_checkpoint_and_the_embodiment(tiny):
    filled = tiny.sampling_for("droid", Sampling(guidance_scale=2.0))
    assert filled == Sampling(num_inference_steps=4, guidance_scale=2.0, flow_shift=5.0, resolution_tier=256)


def test_guidance_changes_the_answer(tiny, observation):
    def rows(scale):
        sampling = Sampling(num_inference_steps=2, guidance_scale=scale)
        return tiny.policy(observation, "x", embodiment="droid", chunk_size=4, sampling=sampling).model

    assert np.abs(rows(3.0) - rows(1.0)).max() > 1e-6


def test_importing_the_package_brings_no_torch():
    import subprocess
    import sys

    code = "import sys, cosmos_policy, embodiments; sys.exit('torch' in sys.modules or 'diffusers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


WRONG_CALLS = {
    "no instruction": (lambda m, o, f: m.policy(o, embodiment="droid"), "instruction must be given"),
    "no embodiment": (lambda m, o, f: m.inverse_dynamics(f), "embodiment must be given"),
    "an unknown option": (lambda m, o, f: m.policy(o, "x", embodiment="droid", sead=3), "Unknown option among sead"),
    "a dictionary": (lambda m, o, f: m.policy({}, "x", embodiment="droid"), r"needs an Observation\(images="),
    "an odd chunk": (lambda m, o, f: m.policy(o, "x", embodiment="droid", chunk_size=5), "multiple of 4"),
    "one frame": (lambda m, o, f: m.inverse_dynamics(f[:1], embodiment="droid"), "A chunk of 0 actions"),
    "a float video": (lambda m, o, f: m.inverse_dynamics(f / 255, embodiment="droid"), "dtype float64; expected uint8"),
    "narrow actions": (
        lambda m, o, f: m.forward_dynamics(f[0], np.zeros((4, 7)), embodiment="droid"),
        r"shape \[4, 7\]; droid expects \[T, 10\]",
    ),
    "words for actions": (
        lambda m, o, f: m.forward_dynamics(f[0], "abc", embodiment="droid"),
        r"no table of numbers; expected \[T, 10\]",
    ),
    "a stamp that is no time": (lambda m, o, f: dataclasses.replace(o, stamp=float("nan")), "finite number of seconds"),
    "NaN actions": (
        lambda m, o, f: m.forward_dynamics(f[0], np.full((4, 10), np.nan), embodiment="droid"),
        "NaN or infinite",
    ),
    "an unknown tier": (
        lambda m, o, f: m.inverse_dynamics(f, embodiment="droid", sampling=Sampling(resolution_tier=300)),
        "choose one of 256, 480",
    ),
    "options beside a request": (
        lambda m, o, f: m.forward_dynamics(ForwardDynamicsRequest(f[0], np.zeros((4, 10)), "droid"), seed=3),
        "put it into the request",
    ),
    "strangers in a list": (
        lambda m, o, f: m.policy([PolicyRequest(o, "x", "droid"), o]),
        "cannot hold Observation",
    ),
}


@pytest.mark.parametrize("name", WRONG_CALLS)
def test_a_wrong_call_is_told_what_was_expected(tiny, observation, frames, name):
    call, sentence = WRONG_CALLS[name]
    with pytest.raises(UsageError, match=sentence):
        call(tiny, observation, frames)


def test_a_missing_view_is_named(tiny, observation):
    images = {view: image for view, image in observation.images.items() if view != "wrist"}
    with pytest.raises(ValueError, match="wrist"):
        tiny.policy(Observation(images, observation.state), "x", embodiment="droid")


def test_devices_and_precisions_that_do_not_exist_are_refused():
    with pytest.raises(UsageError, match="not known to torch"):
        cosmos_policy.load("tiny", device="gpu")
    with pytest.raises(UsageError, match="float32, bfloat16, float16"):
        cosmos_policy.load("tiny", dtype="int4")
