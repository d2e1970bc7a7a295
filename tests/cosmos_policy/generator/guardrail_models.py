"""What cosmos-guardrail downloads, made small in a hub cache of its own: the library's own classes run on it.

The word lists hold words of ours. The language model is Qwen3's architecture with weights that always write one
sentence. RetinaFace has its real shape and random weights: its class head alone decides, by a bias, whether everything
is a face or nothing is.
"""

from __future__ import annotations

import shutil
from pathlib import Path

REVISION = "0" * 40
VERDICT = "Safety: Safe\nCategories: None"
WORDNET = {"noun": "n", "verb": "v", "adj": "a", "adv": "r"}


def make_hub(cache: Path, faces: bool) -> Path:
    """`cache`, written as huggingface_hub keeps snapshots."""
    guardrail = _snapshot(cache, "nvidia/Cosmos-1.0-Guardrail")
    _write_blocklist(guardrail / "blocklist")
    _write_retinaface(guardrail / "face_blur_filter", faces)
    _write_language_model(_snapshot(cache, "Qwen/Qwen3Guard-Gen-0.6B"))
    return cache


def _snapshot(cache: Path, name: str) -> Path:
    repository = cache / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(REVISION)
    folder = repository / "snapshots" / REVISION
    folder.mkdir(parents=True)
    return folder


def _write_blocklist(folder: Path) -> None:
    for name, words in {"custom": "grumblefish", "whitelist": "harmless", "exact_match": "purple catastrophe"}.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "words.txt").write_text(words + "\n")
    punkt = folder / "nltk_data" / "tokenizers" / "punkt_tab" / "english"
    punkt.mkdir(parents=True)
    for name in ("collocations.tab", "sent_starters.txt", "abbrev_types.txt", "ortho_context.tab"):
        (punkt / name).write_text("")
    wordnet = folder / "nltk_data" / "corpora" / "wordnet"
    wordnet.mkdir(parents=True)
    (wordnet / "index.sense").write_text("")
    (wordnet / "lexnames").write_text("00\tadj.all\t3\n")
    for name, letter in WORDNET.items():
        (wordnet / f"{name}.exc").write_text("")
        (wordnet / f"data.{name}").write_text("")
        entry = f"grumblefish {letter} 1 0 1 0 00000000  \n" if name == "noun" else ""
        (wordnet / f"index.{name}").write_text(entry)


def _write_retinaface(folder: Path, faces: bool) -> None:
    import torch
    from retinaface.data import cfg_re50
    from retinaface.models.retinaface import RetinaFace

    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = RetinaFace(cfg={**cfg_re50, "pretrain": False}, phase="test")
    with torch.no_grad():
        for head in (*network.ClassHead, *network.BboxHead):
            head.conv1x1.weight.zero_()
            head.conv1x1.bias.zero_()
        for head in network.ClassHead:
            head.conv1x1.bias.view(-1, 2)[:, int(faces)] = 9.0
    torch.save(network.state_dict(), folder / "Resnet50_Final.pth")


def _write_language_model(folder: Path) -> None:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

    pieces = ["<end>", "<any>", VERDICT]
    tokenizer = Tokenizer(models.WordLevel({piece: number for number, piece in enumerate(pieces)}, unk_token="<any>"))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.Whitespace(), decoders.Fuse()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", unk_token="<any>")
    fast.chat_template = "{% for message in messages %}{{ message['content'] }}{% endfor %}"
    fast.save_pretrained(folder)
    config = Qwen3Config(
        vocab_size=len(pieces), hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
        num_key_value_heads=1, head_dim=8, tie_word_embeddings=False, eos_token_id=0, pad_token_id=0,
    )  # fmt: skip
    network = Qwen3ForCausalLM(config)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            parameter.fill_(1.0 if "norm" in name else 0.0)
        network.model.embed_tokens.weight.fill_(1.0)
        network.lm_head.weight.copy_(torch.tensor([[-1.0], [-1.0], [1.0]]).expand(-1, 8))
        network.model.embed_tokens.weight[2] = -1.0  # after the verdict, the end
    network.save_pretrained(folder)
    shutil.rmtree(folder / ".cache", ignore_errors=True)
