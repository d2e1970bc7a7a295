"""Prompts that were read before: their keys and values, kept up to a number of bytes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch.nn import functional


@dataclass(frozen=True, eq=False)
class TextMemory:
    """What the generation stream reads of one prompt.

    keys, values: [layers, tokens, key/value heads, head size]; keys are normalised and rotated.
    """

    keys: torch.Tensor
    values: torch.Tensor

    @property
    def tokens(self) -> int:
        return self.keys.shape[1]

    @property
    def bytes(self) -> int:
        return sum(part.numel() * part.element_size() for part in (self.keys, self.values))

    def padded(self, rows: int) -> TextMemory:
        """The same with zeros behind it: as many rows as a prompt of `rows` tokens would have."""
        more = (0, 0, 0, 0, 0, rows - self.tokens)
        return TextMemory(functional.pad(self.keys, more), functional.pad(self.values, more))


class TextCache:
    """Token ids -> :class:`TextMemory`; what was used longest ago goes first when `limit_bytes` is passed.

    read: computes the memory of a prompt. One prompt is always kept, even one larger than the limit.
    """

    def __init__(self, read: Callable[[Sequence[int]], TextMemory], limit_bytes: int):
        self._read, self._limit = read, limit_bytes
        self._kept: OrderedDict[tuple[int, ...], TextMemory] = OrderedDict()
        self.hits = self.misses = 0

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def bytes(self) -> int:
        return sum(memory.bytes for memory in self._kept.values())

    def get(self, token_ids: Sequence[int]) -> TextMemory:
        """The memory of a prompt, computed where it is not kept."""
        key = tuple(token_ids)
        if key in self._kept:
            self.hits += 1
            self._kept.move_to_end(key)
            return self._kept[key]
        self.misses += 1
        memory = self._kept[key] = self._read(key)
        while self.bytes > self._limit and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return memory

    def clear(self) -> None:
        self._kept.clear()
