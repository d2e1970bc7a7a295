"""The reference engine is diffusers' pipeline: with frames and a prompt that both understand, to the last bit."""

import numpy as np
import pytest
import torch
from small_requests import GUIDANCE, SHIFT, STEPS, make_request

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.choice import make_engine
from cosmos_policy.errors import UsageError


@pytest.fixture(scope="module")
def folder():
    return resolve_checkpoint("tiny").folder


@pytest.fixture(scope="module")
def engine(folder, single_thread):
    return make_engine("diffusers", folder, torch.device("cpu"), torch.float32)


@pytest.fixture(scope="module")
def pipeline(folder, single_thread):
    from diffusers import Cosmos3OmniPipeline

    pipeline = Cosmos3OmniPipeline.from_pretrained(folder, sound_tokenizer=None)
    pipeline.scheduler = type(pipeline.scheduler).from_config(pipeline.scheduler.config, flow_shift=SHIFT)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.mark.parametrize("mode", ["policy", "inverse_dynamics", "forward_dynamics"])
def test_it_answers_as_the_pipeline_does(engine, pipeline, mode):
    from diffusers import CosmosActionCondition

    request = make_request(mode, video=True)
    result = engine.run([request])[0]
    # diffusers wants float tensors in [0, 1]: the same pixels, fitted by diffusers itself.
    frames = torch.from_numpy(request.frames).permute(0, 3, 1, 2).float() / 255
    expected = pipeline(
        prompt="fold the towel",
        fps=15.0,
        num_inference_steps=STEPS,
        guidance_scale=GUIDANCE,
        generator=torch.Generator().manual_seed(request.seed),
        action=CosmosActionCondition(
            mode=mode,
            chunk_size=4,
            domain_name="droid_lerobot",
            resolution_tier=256,
            raw_actions=torch.from_numpy(request.rows) if mode == "forward_dynamics" else None,
            video=frames if mode == "inverse_dynamics" else None,
            image=None if mode == "inverse_dynamics" else frames[0],
            view_point="ego_view",
        ),
        output_type="np",
    )
    if mode == "forward_dynamics":
        np.testing.assert_array_equal(result.rows, request.rows)
    else:
        np.testing.assert_allclose(result.rows, expected.action[0].numpy(), atol=1e-5)
    assert result.video.shape == expected.video.shape
    assert np.abs(result.video / 255 - expected.video).max() < 0.51 / 255 + 1e-5


def test_eight_columns_are_possible_though_diffusers_knows_ten(engine):
    rows = engine.run([make_request("policy", rows=np.zeros((4, 8), np.float32))])[0].rows
    assert rows.shape == (4, 8)


def test_a_state_row_is_refused_with_the_reason(engine):
    with pytest.raises(UsageError, match="cannot hold a clean state row"):
        engine.run([make_request("policy", row_offset=0)])
