"""What a user may type as a checkpoint, and what each mistake is told."""

import json
import shutil

import pytest

from cosmos_policy.checkpoints import cards, resolve_checkpoint
from cosmos_policy.checkpoints.tiny import build_tiny
from cosmos_policy.errors import Failure, UsageError


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return build_tiny(tmp_path_factory.mktemp("resolve") / "my-robot")


@pytest.fixture
def broken(whole, tmp_path):
    return shutil.copytree(whole, tmp_path / "broken")


def test_a_folder_is_taken_as_it_is_and_says_what_is_assumed(whole):
    checkpoint = resolve_checkpoint(whole)
    assert checkpoint.folder == whole
    assert checkpoint.card.sampling.num_inference_steps == 30
    assert "base model's prompt and sampling defaults" in checkpoint.card.notes[0]


def test_a_folder_named_like_a_published_checkpoint_is_taken_for_it_and_says_so(whole, tmp_path):
    folder = shutil.copytree(whole, tmp_path / "Cosmos3-Nano-Policy-DROID")
    checkpoint = resolve_checkpoint(folder)
    assert checkpoint.card.sampling.guidance_scale == 3.0
    assert any("by its folder's name" in note for note in checkpoint.card.notes)


def test_other_weights_have_another_revision(whole, broken):
    assert resolve_checkpoint(broken).revision == resolve_checkpoint(whole).revision
    weights = next((broken / "transformer").glob("*.safetensors"))
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert resolve_checkpoint(broken).revision != resolve_checkpoint(whole).revision


@pytest.mark.parametrize(
    "part",
    [
        "model_index.json",
        "transformer/config.json",
        "vae/config.json",
        "scheduler/scheduler_config.json",
        "text_tokenizer/tokenizer_config.json",
    ],
)
def test_a_folder_that_lacks_a_file_is_told_which(broken, part):
    (broken / part).unlink()
    with pytest.raises(UsageError, match=f"is no Cosmos 3 checkpoint: it lacks {part}"):
        resolve_checkpoint(broken)


def test_a_folder_without_weights_is_told_so(broken):
    for shard in (broken / "transformer").glob("*.safetensors"):
        shard.unlink()
    with pytest.raises(UsageError, match=r"lacks the weights in transformer/ \(\*\.safetensors\)"):
        resolve_checkpoint(broken)


def test_another_models_folder_is_told_whose_it_is(broken):
    (broken / "model_index.json").write_text(json.dumps({"_class_name": "WanPipeline"}))
    with pytest.raises(UsageError, match="this one is of WanPipeline"):
        resolve_checkpoint(broken)


def test_an_empty_folder_is_told_everything_at_once(tmp_path):
    with pytest.raises(UsageError) as caught:
        resolve_checkpoint(tmp_path)
    assert all(part in str(caught.value) for part in ("model_index.json", "transformer/", "vae/", "scheduler/"))


def test_an_unknown_name_is_told_the_known_ones_and_the_nearest():
    with pytest.raises(UsageError) as caught:
        resolve_checkpoint("Cosmos3-Nanno")
    assert "Did you mean Cosmos3-Nano?" in str(caught.value)
    assert all(name in str(caught.value) for name in cards())


def test_a_path_that_does_not_exist_is_not_taken_for_a_hub_id():
    with pytest.raises(UsageError, match=r"There is no folder \./nowhere"):
        resolve_checkpoint("./nowhere")


def test_a_hub_id_goes_through_the_hubs_own_cache(whole, tmp_path, monkeypatch):
    """A real cache folder, laid out as huggingface_hub lays it out: no network is needed to find it."""
    repository = tmp_path / "models--someone--cosmos3-mine"
    shutil.copytree(whole, repository / "snapshots" / "0123456789abcdef")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0123456789abcdef")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    checkpoint = resolve_checkpoint("someone/cosmos3-mine")
    assert checkpoint.revision == "0123456789abcdef"
    assert checkpoint.folder == repository / "snapshots" / "0123456789abcdef"


def test_a_hub_id_that_cannot_be_had_fails_with_the_cure(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(Failure, match="not in the local cache and could not be downloaded"):
        resolve_checkpoint("nvidia/Cosmos3-Nano")


def test_every_card_is_readable_and_names_its_source():
    assert next(iter(cards())) == "tiny"
    for card in cards().values():
        assert card.source
        assert None not in (card.sampling.num_inference_steps, card.sampling.guidance_scale, card.sampling.flow_shift)
