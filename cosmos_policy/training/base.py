"""What a run starts from: a checkpoint's folder, its parts, and what is known about it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from cosmos_policy.checkpoints import Checkpoint, resolve_checkpoint
from cosmos_policy.checkpoints.layout import check_layout, fingerprint
from cosmos_policy.engine.layout import Grid
from cosmos_policy.engine.text import prompt_token_ids
from cosmos_policy.errors import UsageError
from cosmos_policy.training.architectures import read_architecture, write_random_checkpoint
from cosmos_policy.training.settings import TrainSettings


@dataclass(frozen=True, eq=False)
class Base:
    """checkpoint: where the run starts. autoencoder_folder: the ``vae`` folder, which may be another checkpoint's."""

    checkpoint: Checkpoint
    autoencoder_folder: Path

    @property
    def folder(self) -> Path:
        return self.checkpoint.folder

    def transformer(self, dtype: torch.dtype):
        """diffusers' transformer with the base's weights, on the CPU."""
        from diffusers import Cosmos3OmniTransformer

        transformer = Cosmos3OmniTransformer.from_pretrained(self.folder / "transformer", torch_dtype=dtype)
        if not transformer.config.action_gen:
            raise UsageError(f"{self.checkpoint.name} has no action heads; start from a checkpoint that has them.")
        return transformer

    def autoencoder(self, dtype: torch.dtype = torch.float32):
        """diffusers' autoencoder, on the CPU."""
        from diffusers import AutoencoderKLWan

        return AutoencoderKLWan.from_pretrained(self.autoencoder_folder, torch_dtype=dtype)

    def scheduler(self, flow_shift: float):
        """The checkpoint's solver at that shift."""
        from diffusers import UniPCMultistepScheduler

        return UniPCMultistepScheduler.from_pretrained(self.folder / "scheduler", flow_shift=flow_shift)

    def tokenize(self, prompt: str) -> list[int]:
        """A prompt's token ids, framed as in every call."""
        return prompt_token_ids(self._tokenizer(), prompt, self._system_prompt())

    def autoencoder_fingerprint(self) -> str:
        """A short hash of the autoencoder's files."""
        return fingerprint(self.autoencoder_folder)

    def _tokenizer(self):
        if "_kept" not in self.__dict__:
            from transformers import AutoTokenizer

            self.__dict__["_kept"] = AutoTokenizer.from_pretrained(self.folder / "text_tokenizer")
        return self.__dict__["_kept"]

    def _system_prompt(self) -> bool:
        index = json.loads((self.folder / "model_index.json").read_text(encoding="utf-8"))
        return bool(index.get("default_use_system_prompt", True))


def base_of(settings: TrainSettings, prompts: Sequence[str], work: Path) -> Base:
    """Find the base checkpoint, or write the random one of a new architecture into `work`.

    prompts: what a new architecture's tokenizer is trained on.
    """
    if settings.architecture is not None:
        folder = work / "random"
        if not folder.is_dir():
            write_random_checkpoint(folder, read_architecture(settings.architecture), prompts, settings.seed)
        checkpoint = resolve_checkpoint(folder)
    else:
        checkpoint = resolve_checkpoint(settings.base, like=settings.like)
    autoencoder = checkpoint.folder / "vae"
    if settings.autoencoder_from is not None:
        other = Path(settings.autoencoder_from).expanduser()
        check_layout(other)
        autoencoder = other / "vae"
    return Base(checkpoint, autoencoder)


def grid_of(transformer_config, autoencoder_config) -> Grid:
    """How these two networks cut video into tokens; parts that do not belong together are refused."""
    if transformer_config.latent_channel != autoencoder_config.z_dim:
        raise UsageError(
            f"The autoencoder has {autoencoder_config.z_dim} latent channels, the transformer expects "
            f"{transformer_config.latent_channel}; they do not belong together."
        )
    return Grid(
        cell_pixels=int(autoencoder_config.scale_factor_spatial),
        frames_per_latent=int(autoencoder_config.scale_factor_temporal),
        patch_cells=int(transformer_config.latent_patch_size),
        channels=int(transformer_config.latent_channel),
        action_width=int(transformer_config.action_dim),
    )
