"""Context parallelism: each process computes a window of every branch's tokens, and sees all keys and values.

The network has far fewer key/value heads than query heads, so gathering those of all tokens moves the least.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cosmos_policy.engine.packing import Branch, Pack, pack
from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.engine.stream import Layer, Stream
from cosmos_policy.engine.words import Words


@dataclass(frozen=True, eq=False)
class Window:
    """One run's queries in this process. count: branches. tokens: of each, here. start: the first one's first. first,
    stop: of each branch's own tokens, those that are read after the last layer."""

    count: int
    tokens: int
    start: int
    first: int
    stop: int


@dataclass(frozen=True, eq=False)
class WindowPack(Pack):
    """A packed stream of which this process computes a window of each branch.

    `runs` and `key_rows` are those of the whole stream, with one row more, for what is nobody's; `slots` and `needed`
    are of the own tokens. all_slots: int64, the rows of everybody's tokens, process by process.
    """

    windows: tuple[Window, ...]
    all_slots: torch.Tensor


def window_of(tokens: int, place: int, size: int) -> tuple[int, int, int]:
    """(first, stop, repeats): the tokens of a branch that process `place` of `size` computes."""
    length = math.ceil(tokens / size)
    first, stop = min(place * length, tokens), min((place + 1) * length, tokens)
    return first, stop, length - (stop - first)


def pack_window(branches: Sequence[Branch], padded: bool, device: torch.device, place: int, size: int) -> WindowPack:
    """:func:`cosmos_policy.engine.packing.pack`, of the windows of process `place` of `size`."""
    whole = pack(branches, padded, device)
    slots = [_own_slots(whole, each, size) for each in range(size)]
    windows, needed, start = [], [], 0
    nothing = all(
        _needed(run.tokens, run.needed, place, size)[0] >= window_of(run.tokens, place, size)[1] for run in whole.runs
    )
    for index, run in enumerate(whole.runs):
        low, stop, repeats = window_of(run.tokens, place, size)
        first, last = (position - low for position in _needed(run.tokens, run.needed, place, size))
        if nothing and index == 0:
            first, last = 0, 1  # kernels want at least one row
        length = stop - low + repeats
        windows.append(Window(run.count, length, start, first, last))
        for branch in range(run.count):
            begin = start + branch * length
            needed.append(torch.arange(begin + first, begin + last))
        start += run.count * length
    own = _own_tokens(whole, place, size).to(device)
    return WindowPack(
        branches=whole.branches,
        runs=whole.runs,
        slots=torch.arange(len(own), device=device),
        key_rows=whole.key_rows + 1,
        needed=torch.cat(needed).to(device),
        padded=padded,
        own=own,
        windows=tuple(windows),
        all_slots=torch.cat(slots).to(device),
    )


def _needed(tokens: int, needed: int, place: int, size: int) -> tuple[int, int]:
    """(first, stop) of the needed tokens of a branch that process `place` computes; equal where there are none."""
    low, stop, _ = window_of(tokens, place, size)
    return min(max(needed, low), stop), stop


def _own_tokens(whole: Pack, place: int, size: int) -> torch.Tensor:
    """Packed tokens that process `place` computes, repeats included."""
    found = []
    for run in whole.runs:
        first, stop, repeats = window_of(run.tokens, place, size)
        for branch in range(run.count):
            begin = run.start + branch * run.tokens
            found.append(torch.arange(begin + first, begin + stop))
            found.append(torch.full((repeats,), begin + run.tokens - 1))
    return torch.cat(found)


def _own_slots(whole: Pack, place: int, size: int) -> torch.Tensor:
    """Rows of keys and values of these tokens; repeats go to the row behind all others."""
    found, slots = [], whole.slots.cpu()
    for run in whole.runs:
        first, stop, repeats = window_of(run.tokens, place, size)
        for branch in range(run.count):
            begin = run.start + branch * run.tokens
            found.append(slots[begin + first : begin + stop])
            found.append(torch.full((repeats,), whole.key_rows))
    return torch.cat(found)


class ContextStream(Stream):
    """A :class:`Stream` over the windows of this process. mesh: those who share the tokens."""

    def __init__(self, *arguments, mesh: Mesh):
        super().__init__(*arguments)
        self._mesh = mesh

    def _project(self, layer: Layer, normed, pack: WindowPack, words: Words, keys, values) -> torch.Tensor:
        qkv = layer.qkv(normed)
        own = qkv.new_empty(2, qkv.shape[0], layer.heads.kv_count, layer.heads.size)
        query = self._operations.rotate_heads(qkv, layer.heads, words.table, pack.slots, own[0], own[1])
        gathered = self._mesh.context_gather(own)
        keys[pack.all_slots] = gathered[:, 0].flatten(0, 1)
        values[pack.all_slots] = gathered[:, 1].flatten(0, 1)
        return query

    def _attend(self, query, keys, values, pack: WindowPack, words: Words, only_needed: bool) -> torch.Tensor:
        attended = []
        attention = self._attention.padded if pack.padded else self._attention.exact
        for run, window in zip(pack.runs, pack.windows, strict=True):
            queries = query[window.start : window.start + window.count * window.tokens]
            queries = queries.unflatten(0, (window.count, window.tokens))
            if only_needed:
                queries = queries[:, window.first : window.stop]
            if queries.shape[1] == 0:
                attended.append(query.new_empty(0, query.shape[1] * query.shape[2]))
                continue
            key, value = (part[run.key_start : run.key_stop].unflatten(0, (run.count, -1)) for part in (keys, values))
            used = words.used[run.first : run.first + run.count] if pack.padded else None
            attended.append(attention(queries, key, value, used).flatten(2).flatten(0, 1))
        return attended[0] if len(attended) == 1 else torch.cat(attended)
