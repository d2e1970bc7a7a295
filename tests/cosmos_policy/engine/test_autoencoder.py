"""Wherever a video is cut, the autoencoder says what diffusers' says."""

import numpy as np
import pytest
import torch

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.autoencoder import NUMBERS_PER_PIXEL, Autoencoder
from cosmos_policy.engine.operations import PlainOperations
from cosmos_policy.engine.weights import load_parts

HEIGHT, WIDTH = 48, 64
#: memory for one, two, three and all latent frames at a time
BUDGETS = [count * 4 * HEIGHT * WIDTH * NUMBERS_PER_PIXEL * 4 for count in (0, 2, 3, 99)]


@pytest.fixture(scope="module")
def vae(single_thread):
    return load_parts(resolve_checkpoint("tiny").folder, torch.device("cpu"), torch.float32).vae


@pytest.mark.parametrize("budget", BUDGETS)
@pytest.mark.parametrize("frames", [1, 5, 17])
def test_it_is_diffusers_own(vae, budget, frames):
    ours = Autoencoder(vae, PlainOperations(), budget)
    pixels = np.random.default_rng(0).integers(0, 256, (2, frames, HEIGHT, WIDTH, 3), dtype=np.uint8)
    with torch.no_grad():
        expected = vae.encode(torch.from_numpy(pixels).permute(0, 4, 1, 2, 3).float() / 127.5 - 1).latent_dist.mode()
        film = vae.decode(expected).sample
    torch.testing.assert_close(ours.encode(pixels), expected, rtol=0, atol=1e-5 * float(expected.abs().max()))
    levels = ((film / 2 + 0.5) * 255).round().permute(0, 2, 3, 4, 1)
    apart = (ours.decode(expected).float() - levels).abs()
    assert apart.max() <= 1 and (apart > 0).float().mean() < 1e-3


def test_the_first_frame_does_not_depend_on_the_others(vae):
    ours = Autoencoder(vae, PlainOperations(), BUDGETS[-1])
    pixels = np.random.default_rng(1).integers(0, 256, (1, 9, HEIGHT, WIDTH, 3), dtype=np.uint8)
    torch.testing.assert_close(ours.encode(pixels[:, :1]), ours.encode(pixels)[:, :, :1])
