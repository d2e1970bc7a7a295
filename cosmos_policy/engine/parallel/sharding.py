"""Which part of the weights one process of a tensor-parallel group holds.

Megatron's cut (Shoeybi et al. 2019, https://arxiv.org/abs/1909.08053): projections into heads and into the MLP are cut
by outputs and exchange nothing; those back into the hidden state are cut by inputs, and their results are summed over
the group. Both halves of every layer, text and generation, are cut alike. With more processes than key/value heads,
neighbours hold the same head.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.errors import UsageError

QUERIES = ("to_q", "add_q_proj")
KEYS_AND_VALUES = ("to_k", "to_v", "add_k_proj", "add_v_proj")
OUTPUTS = ("to_out", "to_add_out")
MLPS = ("mlp", "mlp_moe_gen")
INTO_MLP = ("gate_proj", "up_proj")
OUT_OF_MLP = ("down_proj",)


@dataclass(frozen=True)
class Cut:
    """A range of a weight's outputs (dimension 0) or inputs (dimension 1)."""

    dimension: int
    start: int
    stop: int

    def of(self, weight):
        """The part of `weight`: a tensor, or a slice of a safetensors file. A bias is cut by outputs alone."""
        return weight[self.start : self.stop] if self.dimension == 0 else weight[:, self.start : self.stop]


class ColumnParallelLinear(nn.Linear):
    """Some outputs of a linear layer."""

    part_of_linear = True


class RowParallelLinear(nn.Linear):
    """Some inputs of a linear layer: `sum_up` adds the others'. Only the first process of a group holds the bias."""

    part_of_linear = True
    sum_up: Callable[[torch.Tensor], torch.Tensor]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.sum_up(functional.linear(x, self.weight, self.bias))


def check_tensor_size(config, size: int) -> None:
    """Raise a :class:`UsageError` where the network cannot be cut into `size` parts. config: the transformer's."""
    heads, kv_heads = config.num_attention_heads, config.num_key_value_heads
    if heads % size or config.intermediate_size % size or (kv_heads % size and size % kv_heads):
        raise UsageError(
            f"A network of {heads} heads, {kv_heads} key/value heads and {config.intermediate_size} numbers inside its "
            f"MLPs cannot be cut into {size} equal parts; give --tensor-parallel (tensor_parallel) a number that "
            "divides them."
        )


def cuts(config, rank: int, size: int) -> dict[str, Cut]:
    """A linear layer's path inside a transformer layer -> the part of it that process `rank` of `size` holds."""
    heads = config.num_attention_heads // size * config.head_dim
    queries = rank * heads, (rank + 1) * heads
    kv_heads = max(config.num_key_value_heads // size, 1)
    first = rank * config.num_key_value_heads // size
    keys = first * config.head_dim, (first + kv_heads) * config.head_dim
    width = config.intermediate_size // size
    inside = rank * width, (rank + 1) * width
    found = {f"self_attn.{name}": Cut(0, *queries) for name in QUERIES}
    found |= {f"self_attn.{name}": Cut(0, *keys) for name in KEYS_AND_VALUES}
    found |= {f"self_attn.{name}": Cut(1, *queries) for name in OUTPUTS}
    for mlp in MLPS:
        found |= {f"{mlp}.{name}": Cut(0, *inside) for name in INTO_MLP}
        found |= {f"{mlp}.{name}": Cut(1, *inside) for name in OUT_OF_MLP}
    return found


def cut_of(name: str, found: dict[str, Cut]) -> Cut | None:
    """The cut of a parameter by its name in the transformer; None where a process that holds it holds all of it."""
    parts = name.split(".")
    cut = found.get(".".join(parts[2:-1])) if parts[0] == "layers" else None
    return None if cut is not None and _is_summed_bias(cut, parts[-1]) else cut


def held(name: str, found: dict[str, Cut], rank: int) -> bool:
    """Whether process `rank` holds any of the parameter `name`."""
    parts = name.split(".")
    cut = found.get(".".join(parts[2:-1])) if parts[0] == "layers" else None
    return cut is None or rank == 0 or not _is_summed_bias(cut, parts[-1])


def _is_summed_bias(cut: Cut, key: str) -> bool:
    return key == "bias" and cut.dimension == 1


def shard_transformer(transformer: nn.Module, mesh: Mesh) -> nn.Module:
    """Keep this process's part of `transformer` (diffusers', loaded or on "meta"), and return it."""
    config, size = transformer.config, mesh.sizes.tensor
    check_tensor_size(config, size)
    found = cuts(config, mesh.tensor, size)
    for layer in transformer.layers:
        for path, cut in found.items():
            owner, _, name = path.rpartition(".")
            module = layer.get_submodule(owner)
            if hasattr(module, name):  # squared-ReLU MLPs have no gate
                setattr(module, name, _part(getattr(module, name), cut, mesh))
        attention = layer.self_attn
        attention.num_attention_heads = config.num_attention_heads // size
        attention.num_key_value_heads = max(config.num_key_value_heads // size, 1)
        attention.num_key_value_groups = attention.num_attention_heads // attention.num_key_value_heads
    return transformer


def _part(linear: nn.Linear, cut: Cut, mesh: Mesh) -> nn.Linear:
    if type(linear) is not nn.Linear or linear.weight.dtype.itemsize == 1:
        raise UsageError(
            "A checkpoint that is quantised already cannot be cut for tensor parallelism; use guidance or context "
            "parallelism with it, or the checkpoint that is not quantised."
        )
    kind = ColumnParallelLinear if cut.dimension == 0 else RowParallelLinear
    with torch.device("meta"):
        part = kind(1, 1, bias=False)
    part.weight = nn.Parameter(cut.of(linear.weight.data).clone(), requires_grad=False)
    part.out_features, part.in_features = part.weight.shape
    if cut.dimension == 1:
        part.sum_up = mesh.tensor_sum
    if linear.bias is not None and (cut.dimension == 0 or mesh.tensor == 0):
        bias = cut.of(linear.bias.data).clone() if cut.dimension == 0 else linear.bias.data
        part.bias = nn.Parameter(bias, requires_grad=False)
    return part
