"""The generation stream: all layers over a packed stream, on diffusers' weights, attending to text that is kept."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import torch

from cosmos_policy.engine.attention import Choice
from cosmos_policy.engine.operations import Activation, Heads, Operations
from cosmos_policy.engine.packing import Pack
from cosmos_policy.engine.projections import AnyProjection, Fp8Projection, Projection, SummedProjection, fuse_linears
from cosmos_policy.engine.words import Words


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer's generation half. first_norm, second_norm: weights [hidden size]. gated: whether the MLP gates."""

    first_norm: torch.Tensor
    qkv: AnyProjection
    heads: Heads
    out: AnyProjection
    second_norm: torch.Tensor
    up: AnyProjection
    gated: bool
    down: AnyProjection


def take_layers(transformer, fp8: bool) -> list[Layer]:
    """The generation halves of diffusers' layers, with fused projections, in fp8 where asked."""
    return [_take_layer(layer, transformer.config.rms_norm_eps, fp8) for layer in transformer.layers]


def _take_layer(layer, eps: float, fp8: bool) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp_moe_gen
    gated = mlp.hidden_act == "silu"
    linears = {
        "qkv": (attention.add_q_proj, attention.add_k_proj, attention.add_v_proj),
        "out": (attention.to_add_out,),
        "up": (mlp.gate_proj, mlp.up_proj) if gated else (mlp.up_proj,),
        "down": (mlp.down_proj,),
    }
    projections = {}
    for name, parts in linears.items():
        projections[name] = fuse_linears(parts)
        if fp8 and isinstance(projections[name], Projection):
            projections[name] = Fp8Projection.quantised(projections[name])
            for part in parts:
                part.weight.data = part.weight.data.new_empty(0)  # one copy: the fp8 one
        if hasattr(parts[0], "sum_up"):  # tensor parallelism
            projections[name] = SummedProjection(projections[name], parts[0].sum_up)
    heads = Heads(
        attention.num_attention_heads,
        attention.num_key_value_heads,
        attention.head_dim,
        attention.norm_added_q.weight.data,
        attention.norm_added_k.weight.data,
        eps,
    )
    return Layer(
        first_norm=layer.input_layernorm_moe_gen.weight.data,
        second_norm=layer.post_attention_layernorm_moe_gen.weight.data,
        heads=heads,
        gated=gated,
        **projections,
    )


class Layers(Protocol):
    """A list of layers, or something that brings them over one by one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Layer: ...

    def __iter__(self) -> Iterator[Layer]: ...


class Stream:
    """Runs the layers. eps: of the norms; final_norm: the weight of the norm behind them."""

    def __init__(self, layers: Layers, final_norm: torch.Tensor, eps: float, attention: Choice, operations: Operations):
        self.layers, self._final_norm, self._eps = layers, final_norm, eps
        self._attention, self._operations = attention, operations

    def run(self, hidden: torch.Tensor, pack: Pack, words: Words) -> torch.Tensor:
        """hidden: [tokens, hidden size], packed, and overwritten. words: of the pack's branches. Returns the needed
        tokens [needed, hidden size], normalised."""
        operations = self._operations
        keys, values = make_buffers(hidden, pack, self.layers[0].heads)
        last = len(self.layers) - 1
        normed = operations.norm(hidden, self.layers[0].first_norm, self._eps, self.layers[0].qkv.fp8)
        for index, layer in enumerate(self.layers):
            place_text(pack, words, index, keys, values)
            query = self._project(layer, normed, pack, words, keys, values)
            attended = self._attend(query, keys, values, pack, words, only_needed=index == last)
            if index == last:
                hidden = hidden.index_select(0, pack.needed)
            if layer.out.fp8:
                attended = operations.quantize(attended)
            hidden, normed = self._add(hidden, layer.out, attended, layer.second_norm, layer.up.fp8)
            gated = operations.gate(layer.up(normed), layer.gated, layer.down.fp8)
            after = self._final_norm if index == last else self.layers[index + 1].first_norm
            hidden, normed = self._add(hidden, layer.down, gated, after, index != last and layer.qkv.fp8)
        return normed

    def _project(self, layer: Layer, normed: Activation, pack: Pack, words: Words, keys, values) -> torch.Tensor:
        """Queries [tokens, heads, size]; the tokens' keys and values go to their rows."""
        qkv = layer.qkv(normed)
        return self._operations.rotate_heads(qkv, layer.heads, words.table, pack.slots, keys, values)

    def _add(self, hidden, projection: AnyProjection, x, norm: torch.Tensor, fp8: bool):
        """Add a projection of `x` to `hidden`, inside the product where it can be; and the norm of the sum."""
        if projection.add_to(hidden, x):
            return hidden, self._operations.norm(hidden, norm, self._eps, fp8)
        return self._operations.add_norm(hidden, projection(x), norm, self._eps, fp8)

    def _attend(self, query, keys, values, pack: Pack, words: Words, only_needed: bool) -> torch.Tensor:
        """[tokens, heads, size] -> [tokens or needed tokens, heads * size], run by run."""
        attended = []
        attention = self._attention.padded if pack.padded else self._attention.exact
        for run in pack.runs:
            queries = query[run.start : run.stop].unflatten(0, (run.count, run.tokens))
            if only_needed:
                queries = queries[:, run.needed :]
            key, value = (part[run.key_start : run.key_stop].unflatten(0, (run.count, -1)) for part in (keys, values))
            used = words.used[run.first : run.first + run.count] if pack.padded else None
            attended.append(attention(queries, key, value, used).flatten(2).flatten(0, 1))
        return attended[0] if len(attended) == 1 else torch.cat(attended)


def make_buffers(hidden: torch.Tensor, pack: Pack, heads: Heads) -> tuple[torch.Tensor, torch.Tensor]:
    """Room for the keys and values [key rows, key/value heads, head size] that a layer attends to."""
    # Rows that nothing is written to do not count, but must hold numbers.
    make = hidden.new_zeros if pack.padded else hidden.new_empty
    keys, values = make((2, pack.key_rows, heads.kv_count, heads.size))
    return keys, values


def place_text(pack: Pack, words: Words, layer: int, keys: torch.Tensor, values: torch.Tensor) -> None:
    """Copy the texts' keys and values of one layer behind each branch's tokens."""
    for run in pack.runs:
        own = words.memories[run.first : run.first + run.count]
        same = all(text is own[0] for text in own)
        for buffer, part in ((keys, "keys"), (values, "values")):
            rows = buffer[run.key_start : run.key_stop].unflatten(0, (run.count, -1))
            rows = rows[:, run.tokens : run.tokens + own[0].tokens]
            if same:
                rows.copy_(getattr(own[0], part)[layer])
            else:
                for row, text in zip(rows, own, strict=True):
                    row.copy_(getattr(text, part)[layer])
