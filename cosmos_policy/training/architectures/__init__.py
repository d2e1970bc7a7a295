"""Architectures that a run may start from with random weights. A new one is one more YAML file here, or anywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from cosmos_policy.checkpoints.registry import CARD_FILE
from cosmos_policy.errors import UsageError

#: What every architecture shares with the published checkpoints.
TRANSFORMER = {"latent_patch_size": 2, "action_gen": True, "action_dim": 64, "num_embodiment_domains": 32}
AUTOENCODER = {
    "temperal_downsample": [False, True, True],
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "scale_factor_temporal": 4,
}


class TokenizerDescription(BaseModel):
    """vocabulary_size: bytes and merges, learnt from the prompts of the run; special tokens come on top."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    vocabulary_size: int


class Architecture(BaseModel):
    """transformer, autoencoder: arguments of diffusers' ``Cosmos3OmniTransformer`` and ``AutoencoderKLWan`` over what
    all architectures share."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    summary: str
    transformer: dict[str, Any]
    autoencoder: dict[str, Any]
    tokenizer: TokenizerDescription


def read_architecture(name: str) -> Architecture:
    """The architecture of that name, or in that YAML file."""
    own = {
        file.name.removesuffix(".yaml"): file
        for file in resources.files(__package__).iterdir()
        if file.name.endswith(".yaml")
    }
    file = own.get(name, Path(name))
    if not file.is_file():
        raise UsageError(f"There is no architecture {name!r}; choose {', '.join(sorted(own))}, or give a YAML file.")
    try:
        return Architecture(**yaml.safe_load(file.read_text(encoding="utf-8")))
    except (yaml.YAMLError, TypeError, ValidationError) as error:
        reason = error.errors()[0] if isinstance(error, ValidationError) else None
        told = f"{'.'.join(map(str, reason['loc']))}: {reason['msg']}" if reason else str(error)
        raise UsageError(f"{name} describes no architecture: {told}.") from None


def write_random_checkpoint(folder: Path, architecture: Architecture, prompts: Sequence[str], seed: int) -> Path:
    """A checkpoint in the published layout with random weights, the same for the same seed; `folder` must be new."""
    import torch
    from diffusers import AutoencoderKLWan, Cosmos3OmniTransformer

    from cosmos_policy.checkpoints.tiny.parts import make_scheduler
    from cosmos_policy.checkpoints.tiny.tokenizer import TRAINING_LINES, make_tokenizer

    folder.mkdir(parents=True)
    tokenizer = make_tokenizer([*TRAINING_LINES, *prompts], architecture.tokenizer.vocabulary_size)
    tokenizer.save_pretrained(folder / "text_tokenizer")
    channels = int(architecture.autoencoder.get("z_dim", 16))
    patch = int(architecture.transformer.get("latent_patch_size", TRANSFORMER["latent_patch_size"]))
    latents = {"latents_mean": [0.0] * channels, "latents_std": [1.0] * channels}
    widths = {"latent_channel": channels, "patch_latent_dim": channels * patch**2, "vocab_size": len(tokenizer)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            transformer = Cosmos3OmniTransformer(**TRANSFORMER, **widths, **architecture.transformer)
            autoencoder = AutoencoderKLWan(**AUTOENCODER, **latents, **architecture.autoencoder)
        except (TypeError, ValueError) as error:
            raise UsageError(f"The architecture cannot be built: {error}.") from None
        _initialise(transformer)
    transformer.save_pretrained(folder / "transformer")
    autoencoder.save_pretrained(folder / "vae")
    make_scheduler().save_pretrained(folder / "scheduler")
    _write_json(
        folder / "model_index.json",
        {
            "_class_name": "Cosmos3OmniPipeline",
            "transformer": ["diffusers", "Cosmos3OmniTransformer"],
            "text_tokenizer": ["transformers", "Qwen2TokenizerFast"],
            "vae": ["diffusers", "AutoencoderKLWan"],
            "scheduler": ["diffusers", "UniPCMultistepScheduler"],
            "sound_tokenizer": [None, None],
            "safety_checker": [None, None],
            "enable_safety_checker": False,
            "default_use_system_prompt": True,
            "use_native_flow_schedule": False,
        },
    )
    card = {
        "name": folder.name,
        "summary": f"{architecture.summary}; random weights",
        "prompt_format": "json",
        "sampling": {"num_inference_steps": 8, "guidance_scale": 1.0, "flow_shift": 5.0},
        "source": "a new architecture",
        "normalizers": None,
    }
    _write_json(folder / CARD_FILE, card)
    return folder


def _initialise(transformer) -> None:
    """Embeddings of unit size would drown the tokens, and random heads make the first loss a lottery."""
    import torch

    with torch.no_grad():
        transformer.embed_tokens.weight.mul_(0.02)
        transformer.action_proj_in.fc.weight.div_(math.sqrt(transformer.action_proj_in.input_size))
        transformer.action_proj_in.bias.weight.zero_()
        for head in (transformer.action_proj_out.fc, transformer.action_proj_out.bias, transformer.proj_out):
            for parameter in head.parameters():
                parameter.zero_()


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
