"""vLLM-Omni's forms and answers, against a stand-in that computes what the form says (see ``vllm_omni_stand_in.py``).

What these tests show is that our reading of vLLM-Omni's source is followed to the letter: a canvas, prompt, row or
sampling that went wrong on the way would give other actions than the same network gives here.
"""

import io
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from vllm_omni_stand_in import StandIn

import cosmos_policy
import embodiments
from cosmos_policy import Failure, Observation, Sampling, UsageError
from cosmos_policy.calls import forward_dynamics, inverse_dynamics, policy
from cosmos_policy.client import ServerRefusal, ServerUnreachable
from cosmos_policy.client.other_engines.pictures import read_clip
from cosmos_policy.inputs import Fit
from cosmos_policy.media.mp4 import encode_mp4
from cosmos_policy.types import ForwardDynamicsRequest, InverseDynamicsRequest, PolicyRequest, Transfer

QUICK = Sampling(num_inference_steps=2)


def example(name):
    found = embodiments.get(name).example_observation(seed=0)
    return Observation(found["images"], found["state"], stamp=3.0)


def expected(tiny, call, request):
    """What tiny answers in this process, given the fitted picture without its padding, as vLLM-Omni is."""
    job = call.prepare(replace(request, embodiment=tiny.embodiment_for(request.embodiment)), tiny._habits)
    height, width = job.request.fit.visible_height, job.request.fit.visible_width
    bare = replace(
        job.request, frames=job.request.frames[:, :height, :width], fit=Fit(height, width, height, width, None)
    )
    return call.finish(request, job, tiny._engine.run([bare])[0])


@pytest.mark.parametrize("name", ["droid", "libero", "umi"])
def test_policy_sends_the_fitted_picture_and_the_whole_prompt(far, stand_in, tiny, name):
    request = PolicyRequest(example(name), "go", name, seed=1, sampling=QUICK, chunk_size=8, video=True)
    a, b = far.policy(request), expected(tiny, policy, request)
    np.testing.assert_allclose(a.model, b.model, atol=2e-6)
    assert a.commands.keys() == b.commands.keys()
    for command in a.commands:
        np.testing.assert_allclose(a.commands[command], b.commands[command], atol=1e-5)
    assert a.video.shape == b.video.shape == tiny.policy(request).video.shape
    form = stand_in.forms[0]
    assert form["prompt"] == b.info["prompt"]
    assert form["extra_params"]["domain_name"] == embodiments.get(name).domain_name
    assert stand_in.deleted == list(stand_in.jobs)


def test_inverse_and_forward_dynamics_give_the_same_rows(far, stand_in, tiny):
    robot, seen = embodiments.get("droid"), example("droid")
    clip = np.stack([np.roll(robot.compose(seen.images), 3 * step, axis=1) for step in range(5)])
    request = InverseDynamicsRequest(clip, "droid", seed=2, state=seen.state, sampling=QUICK)
    a, inverse = far.inverse_dynamics(request), expected(tiny, inverse_dynamics, request)
    np.testing.assert_allclose(a.model, inverse.model, atol=2e-6)  # the clip travels without loss
    request = ForwardDynamicsRequest(clip[0], inverse.unified, "droid", seed=2, sampling=QUICK)
    a, b = far.forward_dynamics(request), expected(tiny, forward_dynamics, request)
    assert a.frames.shape == b.frames.shape == tiny.forward_dynamics(request).frames.shape
    sent = np.asarray(stand_in.forms[-1]["extra_params"]["action"])
    np.testing.assert_allclose(sent, robot.normalize(inverse.unified), atol=1e-6)
    assert sent.shape == (4, 10)


def test_drift_between_frames_is_the_codecs_and_not_the_mappings(far, tiny):
    """tiny's frames are noise, the worst that a codec can be given: through the same one they are the same."""
    robot, seen = embodiments.get("droid"), example("droid")
    actions = robot.denormalize(np.zeros((4, 10)))
    request = ForwardDynamicsRequest(robot.compose(seen.images), actions, "droid", seed=2, sampling=QUICK)
    a, b = far.forward_dynamics(request).frames, expected(tiny, forward_dynamics, request).frames
    coded = io.BytesIO()
    encode_mp4(coded, b, 15.0, quality=17, preset="veryfast")
    assert np.abs(a.astype(int) - read_clip(coded.getvalue(), "x")).mean() < 2


def test_droids_joints_go_in_as_robolabs_observation(tiny):
    """The state row, and the gripper's polarity on the way back."""
    sampling = Sampling(2, 1.0, 5.0, 256)
    options = {"embodiment": "droid_joint", "seed": 4, "chunk_size": 8, "sampling": sampling}
    with StandIn(tiny, "nvidia/Cosmos3-Nano-Policy-DROID") as server:
        with cosmos_policy.connect(f"vllm-omni+{server.address}") as far:
            assert far.contract["embodiment"]["name"] == "droid_joint"  # the only robot of this checkpoint
            a = far.policy(example("droid_joint"), "go", **options)
            with pytest.raises(UsageError, match="no video"):
                far.policy(example("droid_joint"), "go", video=True, **options)
            seen = example("droid_joint")
            frame = embodiments.get("droid_joint").compose(seen.images)
            request = ForwardDynamicsRequest(frame, a.unified, "droid_joint", state=seen.state, sampling=sampling)
            with pytest.raises(UsageError, match="no place for droid_joint's state row in forward_dynamics"):
                far.forward_dynamics(request)
        told = server.jobs[server.deleted[0]][0]["action"]["data"]
    np.testing.assert_allclose(a.commands["gripper_position"], np.asarray(told)[:, -1], atol=1e-6)
    np.testing.assert_allclose(a.commands["joint_position"], np.asarray(told)[:, :7], atol=1e-6)


def test_generation_from_words_a_picture_and_a_video(far, stand_in, tiny):
    sampling = Sampling(num_inference_steps=2, resolution_tier=256)
    clip = np.random.default_rng(0).integers(0, 256, (9, 192, 320, 3), dtype=np.uint8)
    cases = [
        {"num_frames": 1},
        {"num_frames": 9, "negative_prompt": "blue"},
        {"num_frames": 9, "image": clip[0]},
        {"num_frames": 17, "video": clip, "condition_frames": (0, 2)},
    ]
    for case in cases:
        a, b = (model.generate("a red cube", seed=3, sampling=sampling, **case) for model in (far, tiny))
        assert a.frames.shape == b.frames.shape, case
        assert a.info["prompt"] == b.info["prompt"] == stand_in.forms[-1]["prompt"]
        if case["num_frames"] == 1:
            assert np.array_equal(a.frames, b.frames)
    assert stand_in.forms[-1]["extra_params"]["condition_frame_indexes_vision"] == [0, 2]
    with pytest.raises(UsageError, match="Control videos"):
        far.generate("a red cube", transfer=Transfer({"edge": clip}), sampling=sampling)


def test_a_wrong_answer_never_becomes_a_command(far, stand_in):
    wrong = {
        "without an action": {"action": None},
        "shape": {"action": {"data": [[0.0] * 9] * 8}},
        "NaN": {"action": {"data": [[float("inf")] * 10] * 8}},
        "no table": {"action": {"data": [["a"] * 10] * 8}},
        "asked was policy": {"action": {"data": [[0.0] * 10] * 8, "action_mode": "forward_dynamics"}},
    }
    for sentence, answer in wrong.items():
        stand_in.answer_with = {"status": "completed", **answer}
        with pytest.raises(Failure, match=sentence):
            far.policy(example("droid"), "go", embodiment="droid", chunk_size=8, sampling=QUICK)
    stand_in.answer_with = {"status": "failed", "error": {"code": 500, "message": "Guardrail blocked prompt"}}
    with pytest.raises(ServerRefusal, match="Guardrail blocked prompt"):
        far.policy(example("droid"), "go", embodiment="droid", chunk_size=8, sampling=QUICK)
    assert len(stand_in.deleted) == len(stand_in.jobs) == 6


def test_whoever_stops_waiting_leaves_no_job_behind(far, stand_in):
    stand_in.hold.clear()

    class Enough(Exception):
        pass

    def stop(*_):
        raise Enough

    threading.Timer(0.3, stand_in.hold.set).start()
    with pytest.raises(Enough):
        far.generate("a red cube", num_frames=9, on_step=stop, sampling=Sampling(2, resolution_tier=256))
    assert stand_in.deleted == list(stand_in.jobs)


def test_a_server_that_goes_away_is_told_in_time(tiny):
    with StandIn(tiny) as server:
        far = cosmos_policy.connect(f"vllm-omni+{server.address}", timeout_s=3)
        server._server.should_exit = True
        server._thread.join(20)
        began = time.monotonic()
        with pytest.raises(ServerUnreachable):
            far.policy(example("droid"), "go", embodiment="droid", chunk_size=8, sampling=QUICK)
        assert time.monotonic() - began < 20
        far.close()


def test_nothing_is_guessed_about_an_unknown_checkpoint(tiny):
    with StandIn(tiny, "somebody/finetuned") as server:
        with cosmos_policy.connect(f"vllm-omni+{server.address}") as far:
            with pytest.raises(UsageError, match="which normalisers somebody/finetuned was trained with"):
                far.policy(example("droid"), "go", embodiment="droid")
            with pytest.raises(UsageError, match="serves no robot in particular"):
                _ = far.contract
        with pytest.raises(UsageError, match="no known checkpoint"):
            cosmos_policy.connect(f"vllm-omni+{server.address}", like="nobody/knows")
        with cosmos_policy.connect(f"vllm-omni+{server.address}", like="tiny", embodiment="umi") as far:
            assert far.contract["embodiment"]["name"] == "umi"
            assert far.embodiment_for("umi").normalizer is not None


def test_the_same_environment_runs_on_it(far, stand_in):
    """A world that the engine imagines, opened by its address: nothing of ``sim_eval`` knows which engine it is."""
    gymnasium = pytest.importorskip("gymnasium", reason="gymnasium is not installed (extra 'simulation')")
    import sim_eval  # noqa: F401 (registers it)

    frame = np.random.default_rng(0).integers(0, 256, (72, 64, 3), dtype=np.uint8)
    start = {"image": frame, "state": example("droid").state}
    environment = gymnasium.make(
        "CosmosPolicy/WorldModel-v0",
        checkpoint=f"vllm-omni+{stand_in.address}",
        embodiment="droid",
        start=start,
        chunk_size=4,
        sampling=QUICK,
    )
    environment.reset(seed=0)
    environment.action_space.seed(0)
    environment.step(environment.action_space.sample())
    environment.close()
    assert [form["extra_params"]["action_mode"] for form in stand_in.forms] == ["forward_dynamics"]
