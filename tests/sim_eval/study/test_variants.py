"""What is made wrong is wrong in exactly that, and the rest stays."""

from dataclasses import replace

import numpy as np
import pytest

import embodiments
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Observation, PolicyRequest, Sampling

pytest.importorskip("torch", reason="torch is not installed (extra 'model')")

QUICK = Sampling(num_inference_steps=1, resolution_tier=256)


@pytest.fixture(scope="module")
def tiny(single_thread):
    import cosmos_policy

    with cosmos_policy.load("tiny", device="cpu") as model:
        yield model


@pytest.fixture(scope="module")
def request_(tiny):
    robot = embodiments.get("droid_joint")
    seen = robot.example_observation()
    images = {view: np.ascontiguousarray(image[::8, ::8]) for view, image in seen["images"].items()}
    return PolicyRequest(Observation(images, seen["state"]), "lift", robot, chunk_size=8, sampling=QUICK)


def test_a_flipped_gripper_is_all_that_differs(tiny, request_):
    from sim_eval.study.wrapped import FlippedGripper

    right, wrong = tiny.policy(request_), FlippedGripper(tiny).policy(request_)
    np.testing.assert_array_equal(wrong.unified[:, :7], right.unified[:, :7])
    np.testing.assert_allclose(wrong.unified[:, 7], 1 - right.unified[:, 7])
    np.testing.assert_allclose(wrong.commands["gripper_position"], 1 - right.commands["gripper_position"])
    np.testing.assert_array_equal(wrong.commands["joint_position"], right.commands["joint_position"])


def test_a_prefix_that_was_flipped_is_the_models_own_again(tiny, request_):
    from sim_eval.study.wrapped import FlippedGripper, flip

    model = FlippedGripper(tiny)
    first = model.policy(request_)
    told = replace(request_, prefix=first.unified[:3])
    again = model.policy(told)
    np.testing.assert_allclose(again.unified[:3], first.unified[:3], atol=1e-6)
    own = replace(request_, prefix=flip(request_.embodiment, first.unified[:3]))
    np.testing.assert_allclose(again.unified, flip(request_.embodiment, tiny.policy(own).unified), atol=1e-9)


def test_grippers_in_other_units_are_not_flipped():
    from sim_eval.study.wrapped import flip

    with pytest.raises(UsageError, match="camera has no gripper that runs from 0 to 1"):
        flip(embodiments.get("camera"), np.zeros((2, 9)))


def test_a_stretched_normaliser_reads_answers_wider_and_is_told_states_narrower(tiny, request_):
    from sim_eval.study.wrapped import WrongNormalizer

    model = WrongNormalizer(tiny, 2.0)
    robot, wrong = tiny.embodiment_for("droid_joint"), model.embodiment_for("droid_joint")
    centre = robot.denormalize(np.zeros(8))
    values = np.linspace(-0.5, 0.5, 8)
    np.testing.assert_allclose(wrong.denormalize(values), centre + 2 * (robot.denormalize(values) - centre))
    np.testing.assert_allclose(wrong.normalize(wrong.denormalize(values)), values, atol=1e-12)
    answer = model.policy(request_)
    np.testing.assert_allclose(answer.unified, wrong.denormalize(answer.model), atol=1e-6)
    assert model.info.revision == f"{tiny.info.revision}, normaliser stretched by 2"


def test_shaken_weights_differ_by_their_share_and_keep_their_card(tmp_path):
    from safetensors.torch import load_file

    from cosmos_policy.checkpoints import resolve_checkpoint
    from sim_eval.study.noise import shaken

    clean = resolve_checkpoint("tiny")
    folder = shaken("tiny", tmp_path / "shaken", 0.1, seed=0)
    found = resolve_checkpoint(folder)
    assert found.revision != clean.revision and found.card.name == "tiny, weights shaken by 0.1"
    assert (found.card.normalizers, found.card.sampling) == (clean.card.normalizers, clean.card.sampling)
    (path,) = (clean.folder / "transformer").glob("*.safetensors")
    before, after = load_file(path), load_file(folder / "transformer" / path.name)
    big = max(before, key=lambda name: before[name].numel())
    assert before.keys() == after.keys()
    share = (after[big].float() - before[big].float()).std() / before[big].float().std()
    assert share == pytest.approx(0.1, rel=0.05)
    (vae,) = (clean.folder / "vae").glob("*.safetensors")
    assert (folder / "vae" / vae.name).read_bytes() == vae.read_bytes()
    assert shaken("tiny", folder, 0.1, seed=0) == folder


def test_the_study_lists_what_was_asked_for():
    from sim_eval.study.variants import has_fp8, variants_of

    made = variants_of("tiny", (0.1,), (1.5,), (1,), {"half": "runs/half"})
    names = [
        "clean",
        "noise_0.1",
        "normaliser_1.5",
        "gripper",
        "steps_1",
        *(["fp8"] if has_fp8() else []),
        "other_half",
    ]
    assert [variant.name for variant in made] == names
    assert made[-1].checkpoint == "runs/half" and made[4].sampling.num_inference_steps == 1
