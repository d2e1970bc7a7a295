"""Few-step checkpoints make what diffusers' distilled pipeline makes, and take nothing that it does not."""

import numpy as np
import pytest
import torch
from distilled import SIGMAS, make_distilled
from PIL import Image

import cosmos_policy
from cosmos_policy import Sampling, Transfer, UsageError


@pytest.fixture(scope="module", params=[True, False], ids=["stochastic", "deterministic"])
def folder(request, tiny_folder, tmp_path_factory):
    return make_distilled(tiny_folder, tmp_path_factory.mktemp("distilled") / "few-step", request.param)


@pytest.fixture(scope="module")
def model(folder, single_thread):
    with cosmos_policy.load(folder, device="cpu", like="tiny") as model:
        yield model


@pytest.fixture(scope="module")
def theirs(folder, single_thread):
    from diffusers import Cosmos3DistilledModularPipeline

    pipeline = Cosmos3DistilledModularPipeline.from_pretrained(str(folder))
    pipeline.load_components(dtype=torch.float32)
    pipeline.disable_safety_checker()
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("mode", ["text-to-image", "text-to-video", "image-to-video", "video-to-video"])
def test_it_is_the_distilled_pipelines(model, theirs, decoded_latents, clip, mode):
    ours, options = {"num_frames": 1 if mode == "text-to-image" else 9}, {}
    if mode == "image-to-video":
        ours["image"], options["image"] = clip[0], Image.fromarray(clip[0])
    if mode == "video-to-video":
        ours["video"], options["video"] = clip, [Image.fromarray(frame) for frame in clip]
    media = model.generate("a robot folds a towel.", size=(320, 192), fps=24, seed=7, **ours)
    expected = theirs(
        prompt="a robot folds a towel.", height=192, width=320, fps=24.0, num_frames=ours["num_frames"],
        generator=torch.Generator().manual_seed(7), output="latents", **options,
    )  # fmt: skip
    assert media.info["mode"] == mode
    assert media.info["sampling"].num_inference_steps == len(SIGMAS)
    scale = float(expected.abs().max())
    np.testing.assert_allclose(decoded_latents[-1], expected, rtol=0, atol=1e-4 * scale)


def test_others_in_a_batch_change_nothing(model):
    alone = model.generate("one", num_frames=5, seed=1)
    together = model.generate([cosmos_policy.GenerateRequest("one", num_frames=5, seed=seed) for seed in (2, 1)])
    assert np.abs(together[1].frames.astype(int) - alone.frames).max() <= 1
    assert np.abs(together[0].frames.astype(int) - alone.frames).mean() > 1


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"sampling": Sampling(num_inference_steps=5)}, "distilled to 4 steps"),
        ({"sampling": Sampling(guidance_scale=3.0)}, "distilled to 4 steps"),
        ({"sound": True}, "takes no sound"),
        ({"negative_prompt": "blur"}, "takes no negative prompt"),
        ({"transfer": Transfer({"edge": np.zeros((5, 192, 320, 3), np.uint8)})}, "takes no control videos"),
    ],
)
def test_what_it_was_not_distilled_for_is_refused(model, options, words):
    with pytest.raises(UsageError, match=words):
        model.generate("x", **{"num_frames": 5, **options})
    allowed = Sampling(num_inference_steps=4, guidance_scale=1.0)
    assert len(model.generate("x", num_frames=5, sampling=allowed).frames) == 5
