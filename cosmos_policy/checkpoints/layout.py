"""The folder layout that Cosmos 3 is published in, and what a folder lacks of it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError

#: file -> the pipelines that it may name; few-step checkpoints are published for diffusers' modular pipeline
INDEXES = {
    "model_index.json": ("Cosmos3OmniPipeline",),
    "modular_model_index.json": ("Cosmos3DistilledModularPipeline", "Cosmos3OmniModularPipeline"),
}
WEIGHT_ENDINGS = (".safetensors", ".bin")
#: Files up to this size are fingerprinted whole; of larger ones the first and last such part.
FINGERPRINT_BYTES = 1 << 20


def missing_parts(folder: Path) -> list[str]:
    """What `folder` lacks to be a Cosmos 3 checkpoint, as phrases; empty where it lacks nothing."""
    missing = []
    index = _index_file(folder)
    if not index.is_file():
        missing.append("model_index.json")
    else:
        try:
            name = json.loads(index.read_text()).get("_class_name")
        except ValueError:
            missing.append(f"a readable {index.name} (this one is no JSON)")
        else:
            if name not in INDEXES[index.name]:
                missing.append(f"a {index.name} of {' or '.join(INDEXES[index.name])} (this one is of {name})")
    for part in ("transformer", "vae"):
        if not (folder / part / "config.json").is_file():
            missing.append(f"{part}/config.json")
        if not any(file.suffix in WEIGHT_ENDINGS for file in (folder / part).glob("*")):
            missing.append(f"the weights in {part}/ (*.safetensors)")
    if not (folder / "scheduler" / "scheduler_config.json").is_file():
        missing.append("scheduler/scheduler_config.json")
    if not (folder / "text_tokenizer" / "tokenizer_config.json").is_file():
        missing.append("text_tokenizer/tokenizer_config.json")
    return missing


def read_index(folder: Path) -> dict[str, Any]:
    """What the checkpoint's index says: component -> [library, class, ...], and the pipeline's settings."""
    return json.loads(_index_file(folder).read_text())


def distilled_sigmas(index: dict[str, Any]) -> tuple[float, ...] | None:
    """The fixed noise levels of a checkpoint that was distilled to a few steps; None for all others."""
    sigmas = index.get("distilled_sigmas")
    return tuple(float(sigma) for sigma in sigmas) if sigmas else None


def _index_file(folder: Path) -> Path:
    """A few-step checkpoint may carry both files: the modular one says how it is sampled."""
    modular = folder / "modular_model_index.json"
    if modular.is_file() and not (folder / "model_index.json").is_file():
        return modular
    if modular.is_file() and '"distilled_sigmas"' in modular.read_text():
        return modular
    return folder / "model_index.json"


def check_layout(folder: Path) -> None:
    """Raise a :class:`UsageError` that tells everything `folder` lacks to be a Cosmos 3 checkpoint."""
    missing = missing_parts(folder)
    if missing:
        raise UsageError(
            f"{folder} is no Cosmos 3 checkpoint: it lacks {', '.join(missing)}. "
            "Expected the published layout (model_index.json beside transformer/, vae/, scheduler/, text_tokenizer/)."
        )


def fingerprint(folder: Path) -> str:
    """A short hash of a checkpoint's contents: names, sizes, small files whole, large ones by both ends."""
    digest = hashlib.sha256()
    files = {file.relative_to(folder): file for file in folder.rglob("*") if file.is_file()}
    for name, file in sorted(files.items()):
        if name.parts[0] == ".cache":  # what `hf download --local-dir` leaves beside the files
            continue
        size = file.stat().st_size
        digest.update(f"{name.as_posix()}\0{size}\0".encode())
        with file.open("rb") as content:
            digest.update(content.read(FINGERPRINT_BYTES))
            if size > FINGERPRINT_BYTES:
                content.seek(max(FINGERPRINT_BYTES, size - FINGERPRINT_BYTES))
                digest.update(content.read(FINGERPRINT_BYTES))
    return digest.hexdigest()[:16]
