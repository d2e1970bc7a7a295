"""The built-in checkpoint: the same bytes every time, the published layout, loadable by both libraries."""

import hashlib
from pathlib import Path

import pytest

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.checkpoints.layout import fingerprint, missing_parts
from cosmos_policy.checkpoints.tiny import build_tiny, tiny_checkpoint


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return build_tiny(tmp_path_factory.mktemp("checkpoint") / "tiny")


def contents(folder: Path) -> dict[str, str]:
    files = (file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def test_it_is_the_same_to_the_byte_whatever_the_random_state(folder, tmp_path):
    import torch

    torch.manual_seed(123)
    before = torch.random.get_rng_state()
    assert contents(build_tiny(tmp_path / "again")) == contents(folder)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_it_has_the_published_layout(folder):
    assert missing_parts(folder) == []
    assert sum(file.stat().st_size for file in folder.rglob("*")) < 2_500_000


def test_diffusers_loads_it_whole(folder):
    from diffusers import DiffusionPipeline

    pipeline = DiffusionPipeline.from_pretrained(folder)
    assert type(pipeline).__name__ == "Cosmos3OmniPipeline"
    assert all(pipeline.components[part] is not None for part in ("transformer", "vae", "sound_tokenizer"))


def test_transformers_loads_the_reasoner_with_no_key_missing_or_left_over(folder):
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    model, report = AutoModelForImageTextToText.from_pretrained(folder, output_loading_info=True, dtype=torch.float32)
    assert not report["missing_keys"]
    assert not report["unexpected_keys"]
    processor = AutoProcessor.from_pretrained(folder)
    message = [{"role": "user", "content": [{"type": "text", "text": "What should the robot do next?"}]}]
    inputs = processor.apply_chat_template(
        message, tokenize=True, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    reply = model.generate(**inputs, max_new_tokens=3, do_sample=False)
    assert reply.shape[1] > inputs["input_ids"].shape[1]


def test_the_reasoner_and_the_generator_read_the_same_language_weights(folder):
    import torch
    from diffusers import Cosmos3OmniTransformer
    from transformers import AutoModelForImageTextToText

    generator = Cosmos3OmniTransformer.from_pretrained(folder / "transformer").state_dict()
    reasoner = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).state_dict()
    pairs = {
        "embed_tokens.weight": "model.language_model.embed_tokens.weight",
        "layers.1.self_attn.to_q.weight": "model.language_model.layers.1.self_attn.q_proj.weight",
        "layers.0.mlp.up_proj.weight": "model.language_model.layers.0.mlp.up_proj.weight",
        "lm_head.weight": "lm_head.weight",
    }
    for ours, theirs in pairs.items():
        assert torch.equal(generator[ours], reasoner[theirs]), ours


def test_the_tokenizer_gives_any_text_back_and_knows_qwens_special_tokens(folder):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder / "text_tokenizer")
    text = 'push the "café" mug\t{"H": 544} 你好'
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    assert len(tokenizer("<|im_start|><|vision_start|><|image_pad|><|im_end|>").input_ids) == 4


def test_it_is_made_once_and_found_again(tmp_path, monkeypatch):
    monkeypatch.setenv("COSMOS_POLICY_CACHE", str(tmp_path))
    made = tiny_checkpoint()
    stamp = (made / "model_index.json").stat().st_mtime_ns
    assert tiny_checkpoint() == made
    assert (made / "model_index.json").stat().st_mtime_ns == stamp
    assert [path.name for path in tmp_path.iterdir()] == [made.name]
    assert resolve_checkpoint("tiny").revision == fingerprint(made)
