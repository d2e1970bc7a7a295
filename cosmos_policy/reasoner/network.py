"""transformers' network on the generator's language weights: one copy of them in memory serves both."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import safe_open
from torch import nn
from transformers import AutoConfig, AutoModelForImageTextToText
from transformers.conversion_mapping import get_model_conversion_mapping

from cosmos_policy.errors import UsageError

INDEX = "model.safetensors.index.json"
#: what the reasoner's half of a checkpoint folder consists of, beside the weights that the generator has loaded
PARTS = ("config.json", INDEX)
#: modules whose parameters, under the same names, mean the same in diffusers and in transformers
_PLAIN = (nn.Linear, nn.Embedding)


def load_network(folder: Path, transformer: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """transformers' ``Cosmos3OmniForConditionalGeneration`` or ``Cosmos3EdgeForConditionalGeneration`` of a checkpoint.

    transformer: diffusers' ``Cosmos3OmniTransformer`` of the same checkpoint, loaded. Its language parameters become
        this network's: the same objects, so that whatever moves them moves them for both. A layer that some quantiser
        put there is taken over as it is.
    Only what the generator does not have (the vision encoder) is read, straight to `device`.
    Raises :class:`UsageError` where the folder lacks the reasoner, or holds weights that do not fit its configuration.
    """
    missing = [part for part in PARTS if not (folder / part).is_file()]
    if missing:
        raise UsageError(
            f"{folder} has no reasoner: it lacks {' and '.join(missing)}. The published checkpoints have them beside "
            "model_index.json; a checkpoint without them generates and acts, but does not answer in words."
        )
    network = share_network(AutoConfig.from_pretrained(folder), transformer, device, dtype)
    _read(network, folder, device, dtype)
    empty = [name for name, parameter in network.named_parameters() if parameter.is_meta]
    if empty:
        raise UsageError(
            f"{folder} does not hold all weights of its reasoner: {', '.join(empty[:3])} and others are missing "
            f"({len(empty)} in all)."
        )
    return network


def share_network(config: Any, transformer: nn.Module, device: torch.device, dtype: torch.dtype) -> nn.Module:
    """The network of a transformers `config` on the transformer's language parameters; all others are on "meta"."""
    with init_empty_weights(include_buffers=False):
        network = AutoModelForImageTextToText.from_config(config, dtype=dtype)
    for module in network.modules():
        for key, buffer in module.named_buffers(recurse=False):
            setattr(module, key, buffer.to(device))
    names = {renamed: name for name, renamed in _renamed(network, [name for name, _ in transformer.named_parameters()])}
    _share(network, transformer, names)
    return network.eval().requires_grad_(False)


def _renamed(network: nn.Module, names: list[str]) -> Iterator[tuple[str, str]]:
    """(published name, transformers' name), by transformers' own table for this architecture."""
    renamings = get_model_conversion_mapping(network)
    for name in names:
        renamed = name
        for renaming in renamings:
            renamed, _ = renaming.rename_source_key(renamed)
        yield name, renamed


def _share(network: nn.Module, transformer: nn.Module, names: dict[str, str]) -> None:
    """Put the transformer's parameters into `network`. names: transformers' name -> the transformer's."""
    for path, module in list(network.named_modules()):
        for key in [key for key, _ in module.named_parameters(recurse=False)]:
            source = names.get(f"{path}.{key}" if path else key)
            if source is None:
                continue
            owner, _, leaf = source.rpartition(".")
            found = transformer.get_submodule(owner)
            if isinstance(module, _PLAIN) and type(found) is not type(module):
                parent, _, child = path.rpartition(".")
                setattr(network.get_submodule(parent), child, found)
                break
            parameter = getattr(found, leaf)
            expected = getattr(module, key).shape
            if parameter.shape != expected:
                raise UsageError(
                    f"The reasoner's {path}.{key} has shape {list(expected)} by config.json, and the transformer's "
                    f"{source} has {list(parameter.shape)}: the two configurations of this checkpoint do not agree."
                )
            module.register_parameter(key, parameter)


def _read(network: nn.Module, folder: Path, device: torch.device, dtype: torch.dtype) -> None:
    """Read the parameters that are still empty from the files that the checkpoint's index names."""
    index: dict[str, Any] = json.loads((folder / INDEX).read_text())
    wanted = {name: parameter for name, parameter in network.named_parameters() if parameter.is_meta}
    files: dict[str, list[tuple[str, str]]] = {}
    for name, renamed in _renamed(network, list(index["weight_map"])):
        if renamed in wanted:
            files.setdefault(index["weight_map"][name], []).append((name, renamed))
    for file, pairs in files.items():
        with safe_open(folder / file, framework="pt", device=str(device)) as tensors:
            for name, renamed in pairs:
                owner, _, leaf = renamed.rpartition(".")
                tensor = tensors.get_tensor(name)
                if tensor.shape != wanted[renamed].shape:
                    raise UsageError(
                        f"{folder / file} holds {name} with shape {list(tensor.shape)}; config.json says "
                        f"{list(wanted[renamed].shape)}."
                    )
                parameter = nn.Parameter(tensor.to(dtype), requires_grad=False)
                network.get_submodule(owner).register_parameter(leaf, parameter)
