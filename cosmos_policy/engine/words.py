"""What a step reads of its prompts: all that changes from one instruction to the next, as tensors of fixed shapes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import torch

from cosmos_policy.engine.layout import Layout
from cosmos_policy.engine.packing import Branch, Pack
from cosmos_policy.engine.text_cache import TextMemory

#: sets of branches and lengths of prompts whose rotary tables are kept: some 6 MB each
KEPT_TABLES = 32


@dataclass(frozen=True, eq=False)
class Prompts:
    """What each request of a batch attends to. negatives: None where a request is never guided."""

    texts: Sequence[TextMemory]
    negatives: Sequence[TextMemory | None]
    _padded: dict[tuple[int, int], TextMemory] = field(default_factory=dict)

    def of(self, branch: Branch) -> TextMemory:
        """The memory of a branch."""
        return (self.negatives if branch.negative else self.texts)[branch.request]

    def padded(self, branch: Branch) -> TextMemory:
        """The same, as long as the branch has room."""
        memory = self.of(branch)
        key = id(memory), branch.text_rows
        if key not in self._padded:
            self._padded[key] = memory.padded(branch.text_rows)
        return self._padded[key]


@dataclass(frozen=True, eq=False)
class Words:
    """The prompts of one pass.

    table: float32 [tokens, 2 * head size], rotary cosines and sines: tokens stand behind their prompt. used: int32
    [branches], of each how many rows of the attention's buffers count. memories: of each branch; all rows of its room
    where the pack is padded.
    """

    table: torch.Tensor
    used: torch.Tensor
    memories: tuple[TextMemory, ...]

    @property
    def tensors(self) -> tuple[torch.Tensor, ...]:
        """Everything in it; :meth:`from_tensors` is the inverse."""
        return (self.table, self.used, *(part for memory in self.memories for part in (memory.keys, memory.values)))

    @classmethod
    def from_tensors(cls, tensors: Sequence[torch.Tensor]) -> Words:
        table, used, *parts = tensors
        return cls(table, used, tuple(map(TextMemory, parts[::2], parts[1::2])))


def word_reader(transformer, device: torch.device) -> Callable[[Pack, Prompts], Words]:
    """A function that gathers the words of a pack, and keeps the rotary tables that it made."""

    @lru_cache(maxsize=KEPT_TABLES)
    def make_table(branches: tuple[tuple[Layout, int], ...]) -> torch.Tensor:
        tables = {}
        for layout, text_tokens in dict.fromkeys(branches):
            positions = layout.positions(text_tokens, transformer.config).to(device)
            cos, sin = transformer.rotary_emb(positions[:, None], device, torch.float32)
            tables[layout, text_tokens] = torch.cat([cos[0], sin[0]], dim=-1)
        return torch.cat([tables[branch] for branch in branches])

    def read(pack: Pack, prompts: Prompts) -> Words:
        lengths = [prompts.of(branch).tokens for branch in pack.branches]
        layouts = [branch.layout for branch in pack.branches]
        used = torch.tensor([layout.tokens + length for layout, length in zip(layouts, lengths, strict=True)])
        memories = map(prompts.padded if pack.padded else prompts.of, pack.branches)
        table = make_table(tuple(zip(layouts, lengths, strict=True)))
        return Words(
            table=table if pack.own is None else table[pack.own],
            used=used.int().to(device, non_blocking=True),
            memories=tuple(memories),
        )

    return read
