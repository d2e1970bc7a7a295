"""diffusers' pipelines on tiny's folder, and the latents that our engine decodes."""

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from cosmos_policy.checkpoints import resolve_checkpoint

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def tiny_folder():
    return resolve_checkpoint("tiny").folder


@pytest.fixture(scope="session")
def pipeline(tiny_folder, single_thread):
    """diffusers' ordinary pipeline, with sound."""
    from diffusers import Cosmos3OmniPipeline

    pipeline = Cosmos3OmniPipeline.from_pretrained(tiny_folder, enable_safety_checker=False)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


@pytest.fixture
def decoded_latents(monkeypatch):
    """A list that every video our engine decodes leaves its latents in: float32 [1, C, T, h, w]."""
    from cosmos_policy.engine.autoencoder import Autoencoder

    seen: list[torch.Tensor] = []
    decode = Autoencoder.decode

    def spy(self, latents, rest=None):
        seen.append(latents.clone())
        return decode(self, latents, rest)

    monkeypatch.setattr(Autoencoder, "decode", spy)
    return seen


@pytest.fixture(scope="session")
def clip():
    """uint8 [9, 192, 320, 3]: a bright square that moves over a slope of grey."""
    frames = np.broadcast_to(np.linspace(0, 200, 320, dtype=np.uint8)[None, None, :, None], (9, 192, 320, 3)).copy()
    for index, frame in enumerate(frames):
        frame[60:120, 40 + 12 * index : 110 + 12 * index] = (250, 80, 30)
    return frames
