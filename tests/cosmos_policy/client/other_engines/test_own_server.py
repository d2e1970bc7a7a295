"""The five calls over our own server's OpenAI surface: a real process, and the answers of the same checkpoint here."""

import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

import cosmos_policy
import embodiments
from cosmos_policy import Observation, PolicyRequest, Sampling, UsageError
from cosmos_policy.client import ServerRefusal

QUICK = Sampling(num_inference_steps=2)
SMALL = Sampling(num_inference_steps=2, resolution_tier=256)
ROBOT = "droid_joint"
ROOT = Path(cosmos_policy.__file__).parents[1]


@pytest.fixture(scope="module")
def seen():
    example = embodiments.get(ROBOT).example_observation(seed=0)
    return Observation(example["images"], example["state"], stamp=3.0)


@pytest.fixture(scope="module")
def clip(seen):
    frame = embodiments.get(ROBOT).compose(seen.images)
    return np.stack([np.roll(frame, 3 * step, axis=1) for step in range(5)])


def jobs_left(server):
    import httpx

    return httpx.get(f"{server.http}/v1/videos", trust_env=False).json()["data"]


def test_policy_is_the_same_network_through_other_files(far_own, tiny, seen, own_server):
    options = {"embodiment": ROBOT, "seed": 1, "sampling": QUICK, "chunk_size": 8, "video": True}
    far, near = far_own.policy(seen, "go", **options), tiny.policy(seen, "go", **options)
    np.testing.assert_allclose(far.model, near.model, atol=2e-6)
    np.testing.assert_allclose(far.commands["joint_position"], near.commands["joint_position"], atol=2e-6)
    assert (far.stamp, far.valid_until, far.dt) == (near.stamp, near.valid_until, near.dt)
    assert far.video.shape == near.video.shape
    assert far.info["normalizer"] == near.info["normalizer"] and far.info["engine"].startswith("cosmos-policy at http")
    assert jobs_left(own_server) == []


def test_a_list_is_queued_at_once_and_answered_in_order(far_own, tiny, seen):
    requests = [PolicyRequest(seen, "go", ROBOT, seed=seed, chunk_size=4, sampling=QUICK) for seed in (5, 6, 7)]
    for far, near in zip(far_own.policy(requests), tiny.policy(requests), strict=True):
        np.testing.assert_allclose(far.model, near.model, atol=2e-6)


def test_inverse_and_forward_dynamics(far_own, tiny, seen, clip):
    options = {"embodiment": ROBOT, "seed": 2, "sampling": QUICK, "state": seen.state}
    far, near = (model.inverse_dynamics(clip, **options) for model in (far_own, tiny))
    np.testing.assert_allclose(far.model, near.model, atol=2e-6)  # the clip travels without loss
    far, near = (model.forward_dynamics(clip[0], near.unified, **options) for model in (far_own, tiny))
    assert far.frames.shape == near.frames.shape and far.dt == near.dt


def test_generation_and_its_progress(far_own, tiny):
    steps = []
    asked = {"num_frames": 5, "seed": 3, "sampling": SMALL, "sound": True}
    far = far_own.generate("a red cube", on_step=lambda *told: steps.append(told), **asked)
    near = tiny.generate("a red cube", **asked)
    assert far.frames.shape == near.frames.shape and far.sound.shape == near.sound.shape
    assert steps[-1] == (2, 2)
    asked = {"num_frames": 1, "seed": 3, "sampling": SMALL}
    pictures = far_own.generate("a red cube", **asked), tiny.generate("a red cube", **asked)
    assert np.array_equal(pictures[0].frames, pictures[1].frames)


@pytest.mark.parametrize("reasoning", [False, True])
def test_the_reasoner_says_the_same_words(far_own, tiny, clip, reasoning):
    shown = [{"type": "image", "image": clip[0]}, {"type": "video", "video": clip, "fps": 15.0}]
    messages = [{"role": "user", "content": [*shown, {"type": "text", "text": "what?"}]}]
    asked = {"max_tokens": 12, "seed": 1, "reasoning": reasoning}
    far, near = far_own.reason(messages, **asked), tiny.reason(messages, **asked)
    assert (far.text, far.reasoning, far.prompt_tokens) == (near.text, near.reasoning, near.prompt_tokens)
    said = list(far_own.stream_reason(messages, **asked))
    assert "".join(delta.text for delta in said[:-1]) == said[-1].text == near.text


def test_what_the_surface_cannot_do_is_told_before_anything_is_sent(far_own, seen):
    prefix = np.zeros((4, 8))
    with pytest.raises(UsageError, match="no prefix"):
        far_own.policy(seen, "go", embodiment=ROBOT, prefix=prefix, chunk_size=8)
    with pytest.raises(UsageError, match="guidance_steps"):
        far_own.policy(seen, "go", embodiment=ROBOT, sampling=Sampling(guidance_steps=1))
    with pytest.raises(UsageError, match="max_prompt_tokens"):
        far_own.generate("a red cube", num_frames=1, max_prompt_tokens=4)


def test_an_answer_that_would_come_too_late_is_given_up_and_its_job_dropped(own_server, seen):
    with (
        cosmos_policy.connect(f"vllm-omni+{own_server.http}", deadline_ms=60) as model,
        pytest.raises(ServerRefusal, match="did not finish within") as refused,
    ):
        model.policy(seen, "go", embodiment=ROBOT, sampling=Sampling(num_inference_steps=60))
    assert refused.value.code == "stale"
    assert jobs_left(own_server) == []


def test_a_wrong_robot_is_the_servers_word(far_own):
    example = embodiments.get("droid").example_observation(seed=0)
    with pytest.raises(UsageError, match="serves droid_joint"):
        far_own.policy(Observation(example["images"], example["state"]), "go", embodiment="droid", sampling=QUICK)


def test_no_torch_is_needed(own_server):
    """On a computer without torch: nothing imports it, and frames are fitted with Pillow."""
    code = textwrap.dedent(f"""
        import importlib.util, sys
        class Wall:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in ("torch", "transformers", "diffusers", "fastapi", "huggingface_hub"):
                    raise ModuleNotFoundError(name)
        sys.meta_path.insert(0, Wall())
        found = importlib.util.find_spec
        importlib.util.find_spec = lambda name, *rest: None if name == "torch" else found(name, *rest)
        import cosmos_policy, embodiments
        robot = embodiments.get("{ROBOT}")
        example = robot.example_observation(seed=0)
        seen = cosmos_policy.Observation(example["images"], example["state"], stamp=2.0)
        sampling = cosmos_policy.Sampling(num_inference_steps=1)
        with cosmos_policy.connect("vllm-omni+{own_server.http}", embodiment="{ROBOT}") as model:
            chunk = model.policy(seen, "go", embodiment=robot, chunk_size=4, sampling=sampling)
        assert chunk.commands["joint_position"].shape == (4, 7)
    """)
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
