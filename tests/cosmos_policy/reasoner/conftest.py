"""A reasoner on tiny's weights, transformers' own model of the same checkpoint beside it, and made-up media."""

import numpy as np
import pytest
import torch

from cosmos_policy.checkpoints.tiny import tiny_checkpoint
from cosmos_policy.media import write_video


@pytest.fixture(scope="session")
def folder():
    return tiny_checkpoint()


@pytest.fixture(scope="session")
def reasoner(tiny):
    return tiny._reasoner()


@pytest.fixture(scope="session")
def reference(single_thread, folder):
    """(network, processor) as ``from_pretrained`` makes them, with weights of their own."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    network = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    return network, AutoProcessor.from_pretrained(folder)


@pytest.fixture(scope="session")
def picture():
    """uint8 [96, 128, 3]: a gradient with a red box."""
    rows, columns = np.mgrid[0:96, 0:128]
    image = np.stack([rows * 2, columns, rows + columns], axis=-1).astype(np.uint8)
    image[20:50, 40:90] = (220, 30, 30)
    return image


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """An MP4 of 45 frames at 15 Hz, 96x64: a white square that moves to the right."""
    frames = np.zeros((45, 64, 96, 3), np.uint8)
    for place, frame in enumerate(frames):
        frame[20:40, place : place + 20] = 255
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_video(path, frames, 15.0)
    return path
