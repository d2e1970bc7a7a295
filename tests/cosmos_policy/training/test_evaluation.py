"""What is evaluated while training is what the engine answers later, and its figures are right."""

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLWan, Cosmos3OmniTransformer, UniPCMultistepScheduler
from torch.nn.functional import pad

import embodiments
from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.noise import draw_noise
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.engine.text import prompt_token_ids
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.inputs import json_prompt, prompt_facts
from cosmos_policy.training.base import grid_of
from cosmos_policy.training.batches import _layout
from cosmos_policy.training.data.assembling import group_of
from cosmos_policy.training.data.latents import encode
from cosmos_policy.training.data.prepared import read_prepared
from cosmos_policy.training.data.windows import TextTable, TrainingData
from cosmos_policy.training.evaluation import Evaluation, HeldOut, action_errors, hold_still, psnr_db
from cosmos_policy.training.roles import Role
from cosmos_policy.training.settings import DatasetSettings, EvaluationSettings
from cosmos_policy.training.stream import BatchedTransformer
from cosmos_policy.types import Sampling

CPU = torch.device("cpu")
PLACES = ((0, 0), (1, 13), (2, 40))


@pytest.fixture
def parts(episodes, single_thread):
    """(evaluation, its group, dataset, robot, folder of tiny) for three windows of eight actions."""
    from transformers import AutoTokenizer

    folder = resolve_checkpoint("tiny").folder
    transformer = Cosmos3OmniTransformer.from_pretrained(folder / "transformer")
    autoencoder = AutoencoderKLWan.from_pretrained(folder / "vae")
    tokenizer = AutoTokenizer.from_pretrained(folder / "text_tokenizer")
    dataset, robot = read_prepared(episodes), embodiments.get("droid_joint")
    texts = TextTable(lambda prompt: prompt_token_ids(tokenizer, prompt, True))

    def latents(places, chunk):
        clips = [dataset.canvases(episode, range(start, start + chunk + 1)) for episode, start in places]
        return encode(autoencoder, np.stack(clips), (3, 4))

    group = group_of(
        dataset, robot, DatasetSettings(path="", embodiment="droid_joint", chunk_size=8), PLACES, latents, texts,
        grid_of(transformer.config, autoencoder.config), "json", history_rows=2,
    )  # fmt: skip
    held_out = HeldOut(TrainingData((group,), texts), (robot,), (dataset,))
    settings = EvaluationSettings(num_inference_steps=3, guidance_scale=2.0, flow_shift=5.0)
    evaluation = Evaluation(
        BatchedTransformer(transformer), autoencoder, held_out, settings,
        {"policy": 1.0, "forward_dynamics": 1.0, "inverse_dynamics": 1.0, "video": 1.0},
        lambda: UniPCMultistepScheduler.from_pretrained(folder / "scheduler", flow_shift=5.0), torch.device("cpu"),
    )  # fmt: skip
    return evaluation, group, dataset, robot, folder


def request_for(mode, place, dataset, robot, seed):
    """The same question, put to the engine."""
    episode, start = place
    actions, states = dataset.numbers[episode]
    frames = dataset.canvases(episode, range(start, start + (9 if mode == "inverse_dynamics" else 1)))
    rows = np.concatenate([states[start : start + 1], actions[start : start + 8]])
    facts = prompt_facts(robot, f"lift cube {episode % 2}", 9, (dataset.fit.canvas_height, dataset.fit.canvas_width))
    return EngineRequest(
        mode=mode, prompt=json_prompt(facts, mode), frames=frames, fit=dataset.fit, num_frames=9,
        rows=robot.normalize(rows).astype(np.float32),
        clean_rows=np.array([True] + [mode == "forward_dynamics"] * 8), row_offset=0,
        domain_name=robot.domain_name, domain_id=robot.domain_id, fps=15.0, seed=seed, video=True,
        sampling=Sampling(num_inference_steps=3, guidance_scale=2.0, flow_shift=5.0, resolution_tier=256),
    )  # fmt: skip


@pytest.mark.parametrize("mode", ["policy", "forward_dynamics", "inverse_dynamics"])
def test_evaluation_and_engine_say_the_same(parts, mode):
    evaluation, group, dataset, robot, folder = parts
    prompts = [prompts.inverse_dynamics if mode == "inverse_dynamics" else prompts.plain for prompts in group.prompts]
    roles = [Role(0, row, mode, prompts[row], state=1) for row in range(3)]
    noise = [draw_noise(_layout(group, role), seed, CPU) for seed, role in enumerate(roles)]
    padded = evaluation._collator.batch(roles).rows.shape[1]
    video_noise = torch.stack([each for each, _, _ in noise])
    rows_noise = torch.stack([pad(each, (0, 0, 0, padded - len(each))) for _, _, each in noise])
    video, rows = evaluation.denoise(roles, (video_noise, rows_noise))
    engine = NativeEngine(load_parts(folder, CPU, torch.float32), CPU, torch.float32)
    results = engine.run([request_for(mode, place, dataset, robot, seed) for seed, place in enumerate(PLACES)])
    for mine, result in zip(rows, results, strict=True):
        np.testing.assert_allclose(mine[: len(result.rows), :8].numpy(), result.rows, atol=1e-4)
    assert torch.isfinite(video).all()


def test_the_figures_of_every_call_are_there(parts):
    evaluation, *_ = parts
    found = evaluation()
    assert {name.split("/")[1] for name in found} == {"policy", "forward_dynamics", "inverse_dynamics"}
    assert found["droid_joint/policy/arm_deg_of_holding_still"] > 0
    assert found == evaluation()


def test_errors_of_known_actions():
    droid, joint = embodiments.get("droid"), embodiments.get("droid_joint")
    still = hold_still(droid, None, 4)
    moved = still.copy()
    moved[:, 0] = 0.003
    turn = embodiments.get("droid").encode(droid.example_trajectory(4))
    errors = action_errors(droid, np.nan_to_num(moved), np.nan_to_num(still))
    assert errors["end_effector_mm"] == pytest.approx(3.0) and errors["end_effector_deg"] == pytest.approx(0, abs=1e-5)
    assert np.isnan(action_errors(droid, still, turn)["gripper"])
    state = np.arange(8.0)
    assert (hold_still(joint, state, 3) == state).all()
    errors = action_errors(joint, hold_still(joint, state, 3) + np.radians(2.0), hold_still(joint, state, 3))
    assert errors["arm_deg"] == pytest.approx(2.0) and errors["gripper"] == pytest.approx(np.radians(2.0))


def test_psnr_of_known_frames():
    frames = np.full((2, 4, 4, 3), 100, dtype=np.uint8)
    assert psnr_db(frames, frames) == pytest.approx(58.92, abs=0.01)
    assert psnr_db(frames, frames + 5) == pytest.approx(10 * np.log10(255**2 / 25))
