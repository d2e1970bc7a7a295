"""Windows made of numbers."""

import pytest
from training_samples import make_group

from cosmos_policy.training.data.windows import TextTable, TrainingData


@pytest.fixture
def data():
    """Two groups: an odd latent size with a state row, and longer windows of another robot without one."""
    texts = TextTable(lambda prompt: [5 + ord(letter) % 200 for letter in prompt] + [1, 2])
    first = make_group(texts, seed=0)
    second = make_group(texts, seed=1, frames=4, height=4, width=2, columns=10, state=0, domain=7, fps=5.0, windows=3)
    return TrainingData((first, second), texts)
