"""Official fp8 checkpoints: NVIDIA ModelOpt's static 8-bit weights, read without ModelOpt.

The format (NVIDIA's exporter, cosmos-framework, "FP8 Diffusers checkpoint"): ``transformer/config.json`` says
``quant_method: modelopt, quant_algo: FP8``; each quantised linear layer has ``<layer>.weight`` in float8_e4m3fn and one
``<layer>.weight_scale``, float32, so that ``weight * weight_scale`` is what was trained; the scales of its inputs, and
copies of all of them for ModelOpt's own modules, stand beside. A weight is brought back to 16 bits (what the published
step policy computes with in a network's first and last three steps) or kept in 8, as the engine wants.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from diffusers import Cosmos3OmniTransformer
from safetensors import safe_open
from torch import nn

from cosmos_policy.errors import UsageError

logger = logging.getLogger(__name__)

WEIGHTS, INDEX = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.safetensors.index.json"
SCALE = ".weight_scale"
#: what ModelOpt's own modules would read, beside the weight and its scale
BESIDE = (SCALE, ".input_scale", "_quantizer._amax", "_quantizer._scale")
#: the generation stream's linear layers: the ones that this engine can compute in 8 bits
GENERATION = ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "mlp_moe_gen")


def read_quantization(folder: Path) -> dict[str, Any] | None:
    """``quantization_config`` of a transformer's folder, or None where its weights are not quantised."""
    return json.loads((folder / "config.json").read_text()).get("quantization_config")


def is_static_fp8(quantization: dict[str, Any] | None) -> bool:
    """Whether that is the format that :func:`load_static_fp8` reads."""
    return quantization is not None and (quantization.get("quant_method"), quantization.get("quant_algo")) == (
        "modelopt",
        "FP8",
    )


def load_static_fp8(folder: Path, device: torch.device, dtype: torch.dtype, keep: bool) -> Cosmos3OmniTransformer:
    """The transformer in `folder`, tensor by tensor straight onto `device`.

    keep: whether the generation stream's linear layers stay in 8 bits, with their scale as ``weight_scale``; all other
    quantised weights are brought back to `dtype`. Raises :class:`UsageError` where the files do not fit the format.
    """
    config = Cosmos3OmniTransformer.load_config(folder)
    config.pop("quantization_config", None)
    with init_empty_weights(include_buffers=False):
        network = Cosmos3OmniTransformer.from_config(config)
    files = weight_files(folder)
    scales = {name.removesuffix(SCALE): scale for name, scale in _tensors(files, device, lambda name: SCALE in name)}
    for name, tensor in _tensors(files, device, lambda name: not name.endswith(BESIDE)):
        owner, _, key = name.rpartition(".")
        try:
            module = network.get_submodule(owner)
            expected = getattr(module, key).shape
        except AttributeError:
            raise UsageError(f"{folder} has a tensor {name} that Cosmos3OmniTransformer does not know.") from None
        if tensor.shape != expected:
            raise UsageError(
                f"{folder}: {name} has shape {list(tensor.shape)}; expected {list(expected)} by its config."
            )
        if tensor.dtype == torch.float8_e4m3fn:
            tensor = _stored(module, owner, tensor, scales, folder, dtype, keep)
        else:
            whole = any(part in Cosmos3OmniTransformer._keep_in_fp32_modules for part in name.split("."))
            tensor = tensor.to(torch.float32 if whole else dtype)
        module.register_parameter(key, nn.Parameter(tensor, requires_grad=False))
    missing = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    if missing:
        raise UsageError(
            f"{folder} lacks {len(missing)} tensors ({', '.join(missing[:3])}, ...); download the checkpoint again."
        )
    for buffer in network.buffers():
        buffer.data = buffer.data.to(device)
    return network


def _stored(module: nn.Module, owner: str, weight, scales, folder: Path, dtype: torch.dtype, keep: bool):
    """An 8-bit weight as it is kept: in 8 bits with its scale beside it, or in `dtype`."""
    scale = scales.get(owner)
    if scale is None or scale.numel() != 1:
        found = "no weight_scale" if scale is None else f"a weight_scale of shape {list(scale.shape)}"
        raise UsageError(f"{folder}: {owner}.weight is in 8 bits and has {found}; expected one number.")
    scale = scale.float().reshape(())
    if keep and any(part in GENERATION for part in owner.split(".")):
        module.register_buffer("weight_scale", scale, persistent=False)
        return weight
    return (weight.float() * scale).to(dtype)


def weight_files(folder: Path) -> list[Path]:
    index = folder / INDEX
    if not index.is_file():
        return [folder / WEIGHTS]
    return [folder / name for name in sorted(set(json.loads(index.read_text())["weight_map"].values()))]


def _tensors(files: list[Path], device: torch.device, wanted) -> Iterator[tuple[str, torch.Tensor]]:
    for file in files:
        if not file.is_file():
            raise UsageError(f"{file} is missing; download the checkpoint again.")
        with safe_open(file, framework="pt", device=str(device)) as opened:
            for name in filter(wanted, opened.keys()):
                yield name, opened.get_tensor(name)
