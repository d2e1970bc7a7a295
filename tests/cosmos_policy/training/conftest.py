"""Windows made of numbers, and episodes that are drawn."""

import pytest
from training_samples import make_group, write_prepared_episodes

from cosmos_policy.training.data.windows import TextTable, TrainingData


@pytest.fixture
def data():
    """Two groups: an odd latent size with a state row, and longer windows of another robot without one."""
    texts = TextTable(lambda prompt: [5 + ord(letter) % 200 for letter in prompt] + [1, 2])
    first = make_group(texts, seed=0)
    second = make_group(texts, seed=1, frames=4, height=4, width=2, columns=10, state=0, domain=7, fps=5.0, windows=3)
    return TrainingData((first, second), texts)


@pytest.fixture(scope="session")
def episodes(tmp_path_factory):
    """A folder of prepared episodes of ``droid_joint``."""
    return write_prepared_episodes(tmp_path_factory.mktemp("episodes"))


@pytest.fixture(scope="session")
def settings_for(episodes):
    """Keyword arguments -> settings of a short run on the drawn episodes, in plain values."""

    def make(**changes):
        from pydantic import TypeAdapter

        from cosmos_policy.training.settings import TrainSettings

        dataset = {"path": str(episodes), "embodiment": "droid_joint", "chunk_size": 8, "held_out": 1,
                   "window_stride": 16} | changes.pop("dataset", {})  # fmt: skip
        plain = {
            "base": "tiny",
            "name": "mine",
            "datasets": [dataset],
            "steps": 4,
            "batch_size": 4,
            "precision": "float32",
            "normalizer": {"kind": "meanstd", "outside": 0.5},
            "mixture": {"history_rows": 2, "longest_prefix": 4, "video": 0.1, "state_dropout": 0.2},
            "optimizer": {"learning_rate": 1e-3},
            "evaluation": {"windows": 2, "num_inference_steps": 2, "every": 0},
            "saved": "float32",
            "log_every": 1,
        }
        return TypeAdapter(TrainSettings).validate_python(plain | changes)

    return make
