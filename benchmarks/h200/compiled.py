"""The layers through torch.compile, to be measured beside our kernels."""

from __future__ import annotations

import torch

from cosmos_policy.engine.operations import PlainOperations
from cosmos_policy.engine.stream import Layer, Stream, make_buffers, place_text


class CompiledStream(Stream):
    """The same layers, each as two compiled functions, before and behind the same attention; compiled once a shape."""

    mode: str | None = None

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._before, self._behind = (
            torch.compile(function, mode=self.mode, dynamic=False, fullgraph=True) for function in (_before, _behind)
        )

    def run(self, hidden, pack, words):
        eps = self._eps
        keys, values = make_buffers(hidden, pack, self.layers[0].heads)
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            place_text(pack, words, index, keys, values)
            query, key, value = self._before(layer, hidden, eps, words.table)
            keys[pack.slots], values[pack.slots] = key, value
            attended = self._attend(query, keys, values, pack, words, only_needed=index == last)
            if index == last:
                hidden = hidden.index_select(0, pack.needed)
            hidden = self._behind(layer, hidden, attended, eps)
        return PlainOperations().norm(hidden, self._final_norm, eps, False)


class AutotunedStream(CompiledStream):
    """The same, with products and fused kernels timed against each other while compiling."""

    mode = "max-autotune-no-cudagraphs"


def _before(layer: Layer, hidden: torch.Tensor, eps: float, table: torch.Tensor):
    """Norm, projections, norms of heads and rotation: queries, keys, values [tokens, heads, size]."""
    operations, heads = PlainOperations(), layer.heads
    qkv = layer.qkv(operations.norm(hidden, layer.first_norm, eps, False))
    keys = qkv.new_empty(len(qkv), heads.kv_count, heads.size)
    values = torch.empty_like(keys)
    everywhere = torch.arange(len(qkv), device=qkv.device)
    return operations.rotate_heads(qkv, heads, table, everywhere, keys, values), keys, values


def _behind(layer: Layer, hidden: torch.Tensor, attended: torch.Tensor, eps: float) -> torch.Tensor:
    """The output projection and the MLP, each added to the stream."""
    operations = PlainOperations()
    hidden = hidden + layer.out(attended)
    normed = operations.norm(hidden, layer.second_norm, eps, False)
    return hidden + layer.down(operations.gate(layer.up(normed), layer.gated, False))
