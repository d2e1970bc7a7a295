"""Which normaliser an embodiment gets with a checkpoint: the one it was trained with, or none at all."""

import json
import pickle
import shutil
from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

import cosmos_policy
import embodiments
from cosmos_policy.checkpoints import CheckpointCard, NormalizerSpec, embodiment_for, resolve_checkpoint
from cosmos_policy.checkpoints.resolve import CARD_FILE
from cosmos_policy.checkpoints.tiny import build_tiny
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling
from embodiments.normalizers import Identity

OWN = NormalizerSpec(
    kind="meanstd", statistics={"mean": [0.5] * 10, "std": [2.0] * 10}, source="fifty episodes of ours"
)


@pytest.fixture
def folder(tmp_path):
    return build_tiny(tmp_path / "my-robot")


def write_card(folder, **changes):
    fields = {
        "name": "my-robot",
        "summary": "post-trained on our robot",
        "prompt_format": "json",
        "normalizers": {"droid": OWN},
        "sampling": Sampling(4, 1.0, 5.0, 256),
        "source": "our own training run",
    }
    (folder / CARD_FILE).write_text(CheckpointCard(**{**fields, **changes}).model_dump_json())


def test_the_base_models_normaliser_comes_with_the_embodiment(droid):
    assert embodiment_for(resolve_checkpoint("tiny"), droid) is droid


def test_a_folder_that_tells_nothing_answers_nothing_until_it_is_told(folder, observation):
    model = cosmos_policy.load(folder, device="cpu")
    with pytest.raises(UsageError, match=r"Nothing tells which normalisers .* was trained with"):
        model.policy(observation, "x", embodiment="droid")
    like_nano = resolve_checkpoint(folder, like="Cosmos3-Nano")
    assert like_nano.card.normalizers == "base"
    with pytest.raises(UsageError, match="no known checkpoint"):
        resolve_checkpoint(folder, like="Cosmos3-Nanno")


def test_a_normaliser_that_the_caller_chose_is_kept(folder, droid):
    chosen = droid.with_normalizer(Identity("trained without"))
    assert embodiment_for(resolve_checkpoint(folder), chosen) is chosen


def test_a_folders_own_card_brings_its_normaliser_and_says_so(folder, observation, caplog):
    write_card(folder)
    with caplog.at_level("INFO", logger="cosmos_policy"):
        model = cosmos_policy.load(folder, device="cpu")
        chunk = model.policy(observation, "x", embodiment="droid", chunk_size=4, sampling=Sampling(1))
    np.testing.assert_allclose(chunk.unified, np.asarray(chunk.model, np.float64) * 2.0 + 0.5)
    assert chunk.info["normalizer"].startswith("meanstd, statistics droid")
    assert f"droid: normaliser {chunk.info['normalizer']}" in caplog.text


def test_a_robot_that_came_from_another_process_gets_the_checkpoints_normaliser(folder, droid):
    write_card(folder)
    checkpoint = resolve_checkpoint(folder)
    travelled = pickle.loads(pickle.dumps(droid))
    expected = embodiment_for(checkpoint, droid).normalizer.describe()
    assert embodiment_for(checkpoint, travelled).normalizer.describe() == expected != droid.normalizer.describe()


def test_an_embodiment_that_the_card_does_not_name_is_refused(folder):
    write_card(folder)
    with pytest.raises(UsageError, match="brings normalisers for droid, and none for droid_joint"):
        embodiment_for(resolve_checkpoint(folder), embodiments.get("droid_joint"))


def test_an_embodiment_that_a_checkpoint_was_not_trained_on_is_refused(folder, tmp_path, droid):
    policy = shutil.copytree(folder, tmp_path / "Cosmos3-Nano-Policy-DROID")
    with pytest.raises(UsageError, match="post-trained on droid_joint and does not know droid"):
        embodiment_for(resolve_checkpoint(policy), droid)


def test_a_card_that_cannot_be_read_names_its_field(folder):
    write_card(folder)
    card = json.loads((folder / CARD_FILE).read_text())
    (folder / CARD_FILE).write_text(json.dumps({**card, "prompt_format": "poem"}))
    with pytest.raises(UsageError, match="prompt_format: Input should be 'json' or 'plain'"):
        resolve_checkpoint(folder)


def test_a_card_brings_the_chunk_size_that_was_trained(folder, observation, droid):
    write_card(folder, chunk_sizes={"droid": 8})
    checkpoint = resolve_checkpoint(folder)
    assert embodiment_for(checkpoint, droid).chunk_size == 8
    chosen = replace(droid, chunk_size=12)
    assert embodiment_for(checkpoint, chosen).chunk_size == 12
    model = cosmos_policy.load(folder, device="cpu")
    assert len(model.policy(observation, "x", embodiment="droid", sampling=Sampling(1)).model) == 8
    with pytest.raises(ValidationError, match="multiple of 4"):
        write_card(folder, chunk_sizes={"droid": 7})
