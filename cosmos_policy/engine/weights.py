"""The parts of a checkpoint that generate, loaded straight onto the device."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKLWan, Cosmos3OmniTransformer
from diffusers import schedulers as diffusers_schedulers
from diffusers.utils import logging as diffusers_logging
from transformers import AutoTokenizer

from cosmos_policy.checkpoints.layout import distilled_sigmas, read_index
from cosmos_policy.engine import gradients  # noqa: F401
from cosmos_policy.engine.layout import Grid
from cosmos_policy.engine.stored_fp8 import is_static_fp8, load_static_fp8, read_quantization
from cosmos_policy.errors import UsageError

CPU = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Parts:
    """diffusers' modules of one checkpoint.

    tokenizer: transformers'. system_prompt: whether the checkpoint wants a system prompt. native_flow: whether it wants
    noise levels evenly spaced over the training range. distilled_sigmas: the noise levels of a few-step checkpoint;
    None for all others. folder: where they were read from; None where they were made.
    """

    transformer: Cosmos3OmniTransformer
    vae: AutoencoderKLWan
    scheduler: Any
    tokenizer: Any
    system_prompt: bool = True
    native_flow: bool = False
    distilled_sigmas: tuple[float, ...] | None = None
    folder: Path | None = None

    @property
    def grid(self) -> Grid:
        """How this network cuts video into tokens."""
        network, video = self.transformer.config, self.vae.config
        return Grid(
            cell_pixels=int(video.scale_factor_spatial),
            frames_per_latent=int(video.scale_factor_temporal),
            patch_cells=network.latent_patch_size,
            channels=network.latent_channel,
            action_width=network.action_dim if network.action_gen else 0,
            sound_width=network.sound_dim if network.sound_gen else 0,
        )


def load_parts(
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    offloaded: bool = False,
    fp8: bool = False,
    reader: Callable[[Path, torch.device, torch.dtype, bool], Cosmos3OmniTransformer] | None = None,
) -> Parts:
    """Read a checkpoint folder in the published layout, weights straight onto the device.

    offloaded: read the transformer into host memory; its parts are brought to `device` as an engine wants them.
    fp8: of an official fp8 checkpoint, keep the generation stream's linear layers in their 8 bits; else, and in every
    other checkpoint, they are in `dtype`. Other quantised checkpoints come through diffusers' own quantisers; a
    :class:`UsageError` tells which library is missing for one.
    reader: reads the transformer; None: :func:`load_transformer`.
    """
    index = read_index(folder)
    with quietly():
        transformer = (reader or load_transformer)(folder / "transformer", CPU if offloaded else device, dtype, fp8)
        vae = AutoencoderKLWan.from_pretrained(folder / "vae", dtype=dtype, device_map={"": str(device)})
    scheduler_config = json.loads((folder / "scheduler" / "scheduler_config.json").read_text())
    scheduler_class = getattr(diffusers_schedulers, scheduler_config["_class_name"])
    return Parts(
        transformer=transformer.eval().requires_grad_(False),
        vae=vae.eval().requires_grad_(False),
        scheduler=scheduler_class.from_pretrained(folder / "scheduler"),
        tokenizer=AutoTokenizer.from_pretrained(folder / "text_tokenizer"),
        system_prompt=index.get("default_use_system_prompt", True),
        native_flow=index.get("use_native_flow_schedule", False),
        distilled_sigmas=distilled_sigmas(index),
        folder=folder,
    )


def load_transformer(
    folder: Path, device: torch.device, dtype: torch.dtype, fp8: bool = False
) -> Cosmos3OmniTransformer:
    """The transformer alone. On a CPU, weights that are in `dtype` already stay in the files' mapped pages; on a GPU,
    and in another dtype, the host holds one tensor at a time beside the file that is read."""
    quantization = read_quantization(folder)
    if is_static_fp8(quantization):
        return load_static_fp8(folder, device, dtype, keep=fp8)
    try:
        return Cosmos3OmniTransformer.from_pretrained(folder, dtype=dtype, device_map={"": str(device)})
    except (ImportError, NotImplementedError) as error:
        if quantization is None:
            raise
        method = quantization.get("quant_method")
        raise UsageError(
            f"The transformer in {folder.parent} is quantised with {method}, and a library for it is missing: "
            f"{' '.join(str(error).split())}"
        ) from error


@contextmanager
def quietly() -> Iterator[None]:
    """diffusers' loading bar off, and as it was afterwards."""
    was_on = diffusers_logging.is_progress_bar_enabled()
    diffusers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if was_on:
            diffusers_logging.enable_progress_bar()
