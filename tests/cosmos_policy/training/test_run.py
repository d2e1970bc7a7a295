"""Runs from settings to checkpoint, on drawn episodes and the tiny model."""

import json

import numpy as np
import pytest
import torch
import typer
from pydantic import TypeAdapter
from safetensors.torch import load_file
from training_samples import write_prepared_episodes
from typer.testing import CliRunner

import cosmos_policy
import embodiments
from cosmos_policy import Observation
from cosmos_policy.checkpoints import embodiment_for, resolve_checkpoint
from cosmos_policy.cli.train import train as train_command
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.training.data.prepared import read_prepared
from cosmos_policy.training.run import train
from cosmos_policy.training.settings import TrainSettings


def log_of(folder):
    return [json.loads(line) for line in (folder / "training.jsonl").read_text().splitlines()]


def weights_of(folder):
    return load_file(folder / "transformer" / "diffusion_pytorch_model.safetensors")


@pytest.fixture(scope="module")
def tiny_weights():
    return weights_of(resolve_checkpoint("tiny").folder)


@pytest.fixture(scope="module")
def trained(settings_for, tmp_path_factory, single_thread):
    return train(settings_for(), tmp_path_factory.mktemp("trained") / "run")


def test_the_checkpoint_loads_and_answers_with_what_it_was_trained_with(trained, episodes):
    droid = embodiments.get("droid_joint")
    with cosmos_policy.load(trained, device="cpu") as model:
        example = droid.example_observation(0)
        observation = Observation(example["images"], example["state"])
        chunk = model.policy(observation, "lift cube 0", embodiment="droid_joint")
        assert len(chunk.model) == 8  # what it was trained on, not the robot's own 32
        assert model.info.sampling.num_inference_steps == 2 and model.info.sampling.resolution_tier == 256
    assert chunk.unified.shape == (8, 8) and np.isfinite(chunk.unified).all()
    assert "meanstd" in chunk.info["normalizer"]
    dataset = read_prepared(episodes)
    actions = np.concatenate([dataset.numbers[index][0] for index in (0, 2)])  # 1 was held out
    robot = embodiment_for(resolve_checkpoint(trained), droid)
    normalised = robot.normalize(actions)
    np.testing.assert_allclose(normalised.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(normalised.std(axis=0), 1, atol=1e-9)
    with pytest.raises(UsageError, match="was post-trained on droid_joint"):
        embodiment_for(resolve_checkpoint(trained), embodiments.get("droid"))
    last = log_of(trained.parent)[-1]
    assert {"held_out/droid_joint/policy/arm_deg", "held_out/droid_joint/forward_dynamics/psnr_db"} <= last.keys()
    assert any((trained.parent / "tensorboard").glob("events.out.tfevents.*"))


def test_a_stopped_run_goes_on_as_if_it_had_not_stopped(settings_for, tmp_path, single_thread):
    """The same losses to the last bit, and the same weights."""
    settings = settings_for(steps=6, save_every=2)
    whole = train(settings, tmp_path / "whole")

    def stop(what, done, of):
        if what == "training" and done >= 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(settings, tmp_path / "stopped", progress=stop)
    assert log_of(tmp_path / "stopped")[-1]["step"] == 5
    resumed = train(settings, tmp_path / "stopped", resume=True)
    assert log_of(tmp_path / "stopped") == log_of(tmp_path / "whole")
    theirs = weights_of(whole)
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in weights_of(resumed).items())


def test_generation_leaves_the_text_stream_to_the_last_bit(trained, tiny_weights):
    after = weights_of(trained)
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, tiny_weights[name])}
    assert {"proj_out.weight", "action_proj_in.fc.weight", "layers.0.self_attn.add_q_proj.weight"} <= changed
    text = (
        "embed_tokens",
        "lm_head",
        "norm.",
        "audio_",
        "layers.0.self_attn.to_q",
        "layers.0.self_attn.to_out",
        "layers.1.self_attn.to_k",
        "layers.0.mlp.",
        "layers.1.mlp.",
        "layers.0.input_layernorm.",
    )
    assert not {name for name in changed if name.startswith(text)}


def test_lora_is_merged_into_the_weights_it_updates(settings_for, tmp_path, tiny_weights, single_thread):
    folder = train(
        settings_for(adaptation={"kind": "lora", "rank": 4, "modules": ["attention", "mlp"]}, average={"decay": 0}),
        tmp_path / "run",
    )
    after = weights_of(folder)
    assert after.keys() == tiny_weights.keys()
    changed = {name for name, tensor in after.items() if not torch.equal(tensor, tiny_weights[name])}
    for part in ("add_q_proj", "to_add_out", "mlp_moe_gen.up_proj"):
        name = next(name for name in changed if part in name)
        update = (after[name] - tiny_weights[name]).double()
        assert torch.linalg.matrix_rank(update, rtol=1e-4) <= 4
    heads = {name for name in changed if name.startswith("action_")}
    low_rank = {name for name in changed if "add_" in name or "mlp_moe_gen" in name}
    assert changed == heads | low_rank and heads
    cosmos_policy.load(folder, device="cpu").close()


def test_a_new_architecture_and_its_autoencoder(settings_for, tmp_path, single_thread):
    architecture = tmp_path / "smallest.yaml"
    architecture.write_text(
        "summary: the smallest\n"
        "transformer: {hidden_size: 32, num_hidden_layers: 1, num_attention_heads: 2, num_key_value_heads: 1,\n"
        "              head_dim: 16, intermediate_size: 32, rope_axes_dim: [4, 2, 2]}\n"
        "autoencoder: {base_dim: 4, decoder_base_dim: 4, z_dim: 4, dim_mult: [1, 1, 1, 1], num_res_blocks: 1}\n"
        "tokenizer: {vocabulary_size: 320}\n"
    )
    first = settings_for(
        base=None, architecture=str(architecture), part="autoencoder", name="first", steps=3, batch_size=1,
        autoencoder={"clip_frames": 5, "gradient": 1.0, "measured_clips": 4},
        optimizer={"learning_rate": 3e-3, "schedule": "constant", "head_factor": 1.0}, average={"decay": 0},
    )  # fmt: skip
    autoencoder = train(first, tmp_path / "first")
    assert "held_out/droid_joint/psnr_db" in log_of(tmp_path / "first")[-1]
    deviations = json.loads((autoencoder / "vae" / "config.json").read_text())["latents_std"]
    assert len(deviations) == 4 and all(0 < value != 1 for value in deviations)
    second = settings_for(
        base=None,
        architecture=str(architecture),
        autoencoder_from=str(autoencoder),
        adaptation={"kind": "all"},
        steps=2,
    )
    folder = train(second, tmp_path / "second")
    assert (folder / "vae" / "config.json").read_text() == (autoencoder / "vae" / "config.json").read_text()
    with cosmos_policy.load(folder, device="cpu") as model:
        example = embodiments.get("droid_joint").example_observation(0)
        observation = Observation(example["images"], example["state"])
        assert model.policy(observation, "lift", embodiment="droid_joint", chunk_size=4).model.shape == (4, 8)


def test_a_tuned_decoder_leaves_the_encoder(settings_for, tmp_path, single_thread):
    settings = settings_for(
        part="autoencoder", steps=1, batch_size=1, autoencoder={"clip_frames": 5, "decoder_only": True}
    )
    after = load_file(train(settings, tmp_path / "run") / "vae" / "diffusion_pytorch_model.safetensors")
    before = load_file(resolve_checkpoint("tiny").folder / "vae" / "diffusion_pytorch_model.safetensors")
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all(name.startswith(("decoder.", "post_quant_conv.")) for name in changed)


def test_bfloat16_weights_halve_the_file(settings_for, tmp_path, single_thread):
    folder = train(settings_for(steps=1, saved="bf16", precision="bf16"), tmp_path / "run")
    assert {tensor.dtype for tensor in weights_of(folder).values()} == {torch.bfloat16}


def test_the_command_prepares_for_another_machine_and_trains_there(settings_for, tmp_path, single_thread):
    """What ``--prepare-only`` writes is all that the run needs: the same settings, on prepared episodes."""
    command = typer.Typer()
    command.command()(train_command)
    runner, written = CliRunner(), tmp_path / "first.yaml"
    written.write_text(TypeAdapter(TrainSettings).dump_json(settings_for(steps=2), exclude_none=True).decode())
    prepared = runner.invoke(command, [str(written), "--output", str(tmp_path / "here"), "--prepare-only"])
    assert prepared.exit_code == 0, prepared.output
    moved = tmp_path / "here" / "mine" / "prepared.yaml"
    assert moved.is_file() and not (tmp_path / "here" / "mine" / "training.jsonl").exists()
    done = runner.invoke(command, [str(moved), "--output", str(tmp_path / "there"), "--set", "steps=1"])
    assert done.exit_code == 0 and str(tmp_path / "there" / "mine" / "checkpoint") in done.output, done.output
    assert [line["step"] for line in log_of(tmp_path / "there" / "mine")] == [1, 1]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dataset": {"embodiment": "droid"}}, "was prepared with embodiment droid_joint"),
        ({"dataset": {"held_out": 3}}, "nothing is left to train on"),
        ({"dataset": {"chunk_size": 60}}, "No episode of drawn episodes holds 60 actions"),
        ({"dataset": {"rest_steps": 3}}, "rest_steps is settled"),
        ({"base": None, "architecture": "smal", "adaptation": {"kind": "all"}}, "no architecture 'smal'; choose small"),
        ({"base": "tinny"}, "Did you mean tiny"),
    ],
)
def test_what_cannot_be_is_refused_before_the_first_step(settings_for, tmp_path, changes, told):
    with pytest.raises(UsageError, match=told):
        train(settings_for(**changes), tmp_path / "run")
    assert not (tmp_path / "run" / "training.jsonl").exists()


def test_statistics_of_other_data_are_refused(settings_for, tmp_path):
    """The base's DROID statistics are of 66 ms steps; these episodes move ten times as far."""
    folder = write_prepared_episodes(tmp_path / "droid", embodiment="droid", steps=20)
    for path in (folder / "episodes").glob("*.npz"):
        arrays = dict(np.load(path))
        arrays["actions"][:, :3] *= 1000.0
        np.savez(path, **arrays)
    with pytest.raises(UsageError, match=r"outside the range they were made for, most in pos_"):
        train(
            settings_for(
                dataset={"path": str(folder), "embodiment": "droid"}, normalizer={"kind": "keep", "outside": 0.2}
            ),
            tmp_path / "run",
        )


def test_a_run_is_not_written_over_and_not_resumed_as_another(settings_for, trained, tmp_path):
    with pytest.raises(UsageError, match="already holds a run"):
        train(settings_for(), trained.parent)
    with pytest.raises(UsageError, match=r"begun with other settings \(batch_size\)"):
        train(settings_for(batch_size=2), trained.parent, resume=True)
    with pytest.raises(UsageError, match="no state to resume from"):
        train(settings_for(), tmp_path / "new", resume=True)


def test_divergence_is_told(settings_for, tmp_path, single_thread):
    settings = settings_for(steps=30, optimizer={"learning_rate": 1e20, "clip_norm": 1e30, "weight_decay": 0})
    with pytest.raises(Failure, match="training has diverged"):
        train(settings, tmp_path / "run")
