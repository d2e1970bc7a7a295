"""One process's part of a checkpoint's transformer: only that part of the files is read."""

from __future__ import annotations

from pathlib import Path

import torch
from accelerate import init_empty_weights
from diffusers import Cosmos3OmniTransformer
from safetensors import safe_open
from torch import nn

from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.engine.parallel.sharding import cut_of, cuts, held, shard_transformer
from cosmos_policy.engine.stored_fp8 import weight_files
from cosmos_policy.errors import UsageError


def load_sharded_transformer(
    folder: Path, device: torch.device, dtype: torch.dtype, mesh: Mesh
) -> Cosmos3OmniTransformer:
    """The part of the transformer in `folder` that this process computes with, straight onto `device`.

    Raises :class:`UsageError` where the network cannot be cut so, or its files do not fit its config.
    """
    config = Cosmos3OmniTransformer.load_config(folder)
    with init_empty_weights(include_buffers=False):
        network = shard_transformer(Cosmos3OmniTransformer.from_config(config), mesh)
    found = cuts(network.config, mesh.tensor, mesh.sizes.tensor)
    expected = {name: parameter.shape for name, parameter in network.named_parameters()}
    for file in weight_files(folder):
        with safe_open(file, framework="pt", device=str(device)) as tensors:
            for name in tensors.keys():  # noqa: SIM118 (not a map)
                if not held(name, found, mesh.tensor):
                    continue
                if name not in expected:
                    raise UsageError(f"{folder} has a tensor {name} that Cosmos3OmniTransformer does not know.")
                cut = cut_of(name, found)
                tensor = tensors.get_tensor(name) if cut is None else cut.of(tensors.get_slice(name))
                if tensor.shape != expected[name]:
                    raise UsageError(
                        f"{folder}: {name} has shape {list(tensor.shape)} after the cut; expected "
                        f"{list(expected[name])} by its config."
                    )
                wide = any(part in Cosmos3OmniTransformer._keep_in_fp32_modules for part in name.split("."))
                tensor = tensor.to(device, torch.float32 if wide else dtype)
                owner, _, key = name.rpartition(".")
                network.get_submodule(owner).register_parameter(key, nn.Parameter(tensor, requires_grad=False))
    missing = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    if missing:
        raise UsageError(
            f"{folder} lacks {len(missing)} tensors ({', '.join(missing[:3])}, ...); download the checkpoint again."
        )
    for buffer in network.buffers():
        buffer.data = buffer.data.to(device)
    return network
