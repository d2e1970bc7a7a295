"""The autoencoder's task: the same clips are learnt, and the pictures that it sees are those that were recorded."""

import numpy as np
import pytest
import torch
from training_samples import write_prepared_episodes

from cosmos_policy.training.autoencoder import AutoencoderTask, Clips
from cosmos_policy.training.base import base_of
from cosmos_policy.training.data.latents import decode, denormalised, encode, normalised
from cosmos_policy.training.data.prepared import read_prepared
from cosmos_policy.training.whole_video import decode_whole, encode_whole


@pytest.fixture
def autoencoder(settings_for, tmp_path, single_thread):
    return base_of(settings_for(), [], tmp_path).autoencoder()


@pytest.fixture
def task(autoencoder, settings_for, episodes):
    settings = settings_for(part="autoencoder", batch_size=1, autoencoder={"clip_frames": 5, "gradient": 0.5})
    dataset = read_prepared(episodes)
    return AutoencoderTask(
        autoencoder, [Clips(dataset, (0, 2), 1.0)], [Clips(dataset, (1,), 1.0)], settings, torch.device("cpu")
    )


def test_whole_clips_are_what_diffusers_makes_four_frames_at_a_time(autoencoder):
    """Reconstruction, divergence and every gradient."""
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, 9, 48, 64, generator=generator) * 2 - 1
    found = []
    for whole in (True, False):
        autoencoder.zero_grad()
        posterior = encode_whole(autoencoder, pixels) if whole else autoencoder.encode(pixels).latent_dist
        latents = posterior.mean + 0.1 * posterior.std
        decoded = decode_whole(autoencoder, latents) if whole else autoencoder.decode(latents).sample
        (decoded.clamp(-1, 1).square().mean() + posterior.kl().mean() * 1e-3).backward()
        gradients = {name: each.grad.clone() for name, each in autoencoder.named_parameters() if each.grad is not None}
        found.append((decoded.clamp(-1, 1).detach(), posterior.kl().detach(), gradients))
    (ours, our_kl, our_gradients), (theirs, their_kl, their_gradients) = found
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(our_kl, their_kl, rtol=1e-4, atol=1e-4)
    assert our_gradients.keys() == their_gradients.keys() and len(our_gradients) > 20
    for name, gradient in their_gradients.items():
        scale = gradient.abs().max().clamp_min(1e-6)
        assert ((our_gradients[name] - gradient).abs().max() / scale) < 1e-3, name


def test_one_batch_is_learnt(task):
    batch = task.batch((0, 0, 0, 0))
    optimizer = torch.optim.AdamW(task.module.parameters(), lr=3e-3)
    losses = []
    for _ in range(12):
        optimizer.zero_grad()
        loss = task.module(batch)
        loss["total"].backward()
        optimizer.step()
        losses.append(float(loss["l1"].detach()))
    assert losses[-1] < 0.6 * losses[0]


def test_batches_show_the_recorded_pictures_and_come_again(task, episodes):
    pixels, noise, (height, width) = task.batch((0, 0, 3, 0))
    again = task.batch((0, 0, 3, 0))
    assert torch.equal(pixels, again[0]) and torch.equal(noise, again[1])
    assert not torch.equal(pixels, task.batch((0, 0, 5, 0))[0])
    levels = ((pixels[0] + 1) * 127.5).round().to(torch.uint8).permute(1, 2, 3, 0).numpy()
    dataset = read_prepared(episodes)
    assert (height, width) == (48, 64) and levels.shape == (5, 80, 96, 3)
    recorded = [dataset.frames(index, range(57)) for index in (0, 2)]
    starts = [
        (index, start)
        for index, frames in enumerate(recorded)
        for start in range(53)
        if np.array_equal(frames[start : start + 5], levels[:, :height, :width])
    ]
    assert starts
    assert (levels[:, height:] == levels[:, height - 1 : height]).all()  # the canvas's padding: the border goes on


def test_latents_come_to_unit_size(task, autoencoder, episodes):
    task.measure_latents()
    dataset = read_prepared(episodes)
    clips = np.stack(
        [dataset.canvases(episode, range(start, start + 5)) for episode in (0, 2) for start in (0, 20, 40)]
    )
    latents = encode(autoencoder, clips, (3, 4))
    assert latents.shape == (6, 8, 2, 3, 4)
    assert latents.mean((0, 2, 3, 4)).abs().max() < 0.5
    assert ((latents.std((0, 2, 3, 4)) > 0.5) & (latents.std((0, 2, 3, 4)) < 2)).all()
    torch.testing.assert_close(normalised(autoencoder, denormalised(autoencoder, latents)), latents)
    assert decode(autoencoder, latents[:1]).shape == (1, 5, 48, 64, 3)


def test_datasets_of_different_sizes_take_turns(autoencoder, settings_for, episodes, tmp_path):
    other = read_prepared(write_prepared_episodes(tmp_path, episodes=2, steps=6, size=(64, 32)))
    settings = settings_for(part="autoencoder", batch_size=2, autoencoder={"clip_frames": 5})
    sources = [Clips(read_prepared(episodes), (0, 2), 1.0), Clips(other, (0,), 3.0)]
    task = AutoencoderTask(autoencoder, sources, [], settings, torch.device("cpu"))
    seen = [task.batch((0, 0, step, 0)) for step in range(40)]
    sizes = {tuple(pixels.shape): content for pixels, _, content in seen}
    assert sizes == {(2, 3, 5, 80, 96): (48, 64), (2, 3, 5, 96, 64): (64, 32)}
    share = np.mean([pixels.shape[3] == 96 for pixels, *_ in seen])
    assert share == pytest.approx(0.75, abs=0.15)
    assert torch.isfinite(task.module(seen[0])["total"])
    assert task.evaluate() == {}
