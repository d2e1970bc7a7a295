"""The published layout: what was trained, the rest from the base checkpoint, and a card that tells how to call it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import torch
from safetensors import safe_open

from cosmos_policy.checkpoints import CheckpointCard
from cosmos_policy.checkpoints.layout import check_layout
from cosmos_policy.checkpoints.registry import CARD_FILE
from cosmos_policy.training.base import Base

INDEX = "model.safetensors.index.json"


def write_checkpoint(
    folder: Path,
    base: Base,
    card: CheckpointCard,
    *,
    dtype: torch.dtype,
    transformer=None,
    autoencoder=None,
) -> Path:
    """Write a checkpoint to `folder`, over one that is there; parts that are None come from the base.

    It appears whole or not at all.
    """
    unfinished = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(unfinished, ignore_errors=True)
    replaced = {"transformer" if transformer is not None else None, "vae"}
    left_out = shutil.ignore_patterns(".cache", CARD_FILE)

    def ignored(path: str, names: list[str]) -> set[str]:
        own = replaced & set(names) if Path(path) == base.folder else set()
        return left_out(path, names) | own

    shutil.copytree(base.folder, unfinished, ignore=ignored)
    if transformer is not None:
        _save(transformer, unfinished / "transformer", dtype)
    if autoencoder is not None:
        _save(autoencoder, unfinished / "vae", dtype)
    else:
        shutil.copytree(base.autoencoder_folder, unfinished / "vae")
    _update_index(unfinished)
    (unfinished / CARD_FILE).write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    check_layout(unfinished)
    if folder.exists():
        shutil.rmtree(folder)
    unfinished.replace(folder)
    return folder


def _save(part, folder: Path, dtype: torch.dtype) -> None:
    """A part's weights in `dtype`, without touching the part that is in training."""
    wide = {name: parameter.data for name, parameter in part.named_parameters()}
    try:
        for name, parameter in part.named_parameters():
            parameter.data = wide[name].to("cpu", dtype)
        part.save_pretrained(folder)
    finally:
        for name, parameter in part.named_parameters():
            parameter.data = wide[name]


def _update_index(folder: Path) -> None:
    """The reasoner finds the language weights through an index over all files; the transformer's may be cut anew."""
    path = folder / INDEX
    if not path.is_file():
        return
    index = json.loads(path.read_text(encoding="utf-8"))
    before = index["weight_map"]
    listed = {name for name, file in before.items() if file.startswith("transformer/")}
    weights = {name: file for name, file in before.items() if name not in listed}
    for shard in sorted((folder / "transformer").glob("*.safetensors")):
        with safe_open(shard, framework="pt") as tensors:
            weights |= {name: f"transformer/{shard.name}" for name in tensors.keys() if name in listed}  # noqa: SIM118
    index["weight_map"] = weights
    index.setdefault("metadata", {})["total_size"] = sum(
        (folder / file).stat().st_size for file in set(weights.values())
    )
    path.write_text(json.dumps(index, indent=2) + "\n", encoding="utf-8")
