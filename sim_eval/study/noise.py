"""A checkpoint whose weights were shaken, as a folder like any other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.checkpoints.resolve import CARD_FILE


def shaken(checkpoint: str, folder: Path, share: float, seed: int, like: str | None = None) -> Path:
    """A copy of a checkpoint in `folder` with Gaussian noise on the weights of its transformer.

    share: standard deviation of the noise over that of each tensor's own numbers. A copy that is there is taken as it
    is. The copy carries the checkpoint's card (``cosmos_policy.json``): the prompt, sampling and normalisers stay.
    """
    if folder.is_dir():
        return folder
    found = resolve_checkpoint(checkpoint, like=like)
    unfinished = folder.with_name(folder.name + ".part")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(found.folder, unfinished)
    for number, path in enumerate(sorted((unfinished / "transformer").glob("*.safetensors"))):
        _shake(path, share, seed + number)
    card = found.card.model_copy(update={"name": f"{found.card.name}, weights shaken by {share:g}"})
    (unfinished / CARD_FILE).write_text(json.dumps(card.model_dump(mode="json"), indent=1) + "\n")
    unfinished.rename(folder)
    return folder


def _shake(path: Path, share: float, seed: int) -> None:
    import torch
    from safetensors import safe_open
    from safetensors.torch import save_file

    generator = torch.Generator().manual_seed(seed)
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata()
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and tensor.numel() > 1:
            exact = tensor.float()
            noise = torch.randn(exact.shape, generator=generator) * exact.std() * share
            tensors[name] = (exact + noise).to(tensor.dtype)
    save_file(tensors, path, metadata=metadata)
