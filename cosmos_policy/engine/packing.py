"""Several requests, and both branches of guidance, side by side in one stream without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import torch

from cosmos_policy.engine.layout import Layout


@dataclass(frozen=True)
class Branch:
    """One request under one prompt.

    request: its place in the batch. negative: whether under its negative prompt. bare: whether without its control
    videos, which `layout` then lacks. text_tokens: of that prompt. first_needed: the first of its tokens that is read
    after the last layer.
    """

    request: int
    negative: bool
    layout: Layout
    text_tokens: int
    first_needed: int
    bare: bool = False

    @property
    def side(self) -> int:
        """Which of the velocities that guidance weighs against each other: 0 prompt, 1 negative, 2 bare."""
        return 2 * self.bare or int(self.negative)


@dataclass(frozen=True, eq=False)
class Run:
    """Neighbouring branches of equal lengths, attended in one call.

    first, count: which branches of the pack. tokens, text_tokens: of each. start: the first one's first token in the
    packed stream; key_start: its first row in the attention's buffers, where its text stands before its tokens.
    needed: of each, the tokens from here to the end are read after the last layer.
    """

    first: int
    count: int
    tokens: int
    text_tokens: int
    start: int
    key_start: int
    needed: int

    @property
    def stop(self) -> int:
        return self.start + self.count * self.tokens

    @property
    def key_stop(self) -> int:
        return self.key_start + self.count * (self.text_tokens + self.tokens)


@dataclass(frozen=True, eq=False)
class Pack:
    """A packed stream of branches: everything about it that neither a step nor the words of a prompt change.

    table: float32 [tokens, 2 * head size], rotary cosines and sines. slots: int64 [tokens], rows in the attention's
    buffers. key_rows: how many rows those have. needed: int64, the packed tokens that are read after the last layer.
    """

    branches: tuple[Branch, ...]
    runs: tuple[Run, ...]
    table: torch.Tensor
    slots: torch.Tensor
    key_rows: int
    needed: torch.Tensor

    @property
    def tokens(self) -> int:
        return self.table.shape[0]


def pack(branches: Sequence[Branch], transformer, device: torch.device) -> Pack:
    """Lay `branches` out one after the other, in order."""
    runs, tables, slots, needed = [], {}, [], []
    start = key_start = 0
    for (tokens, text_tokens, first), group in groupby(
        branches, key=lambda branch: (branch.layout.tokens, branch.text_tokens, branch.first_needed)
    ):
        begun = runs[-1].first + runs[-1].count if runs else 0
        run = Run(begun, len(list(group)), tokens, text_tokens, start, key_start, first)
        runs.append(run)
        for index in range(run.count):
            row = key_start + index * (text_tokens + tokens) + text_tokens
            slots.append(torch.arange(row, row + tokens))
            needed.append(torch.arange(start + index * tokens + first, start + (index + 1) * tokens))
        start, key_start = run.stop, run.key_stop
    for branch in branches:
        if (branch.layout, branch.text_tokens) not in tables:
            tables[branch.layout, branch.text_tokens] = _rotary(branch, transformer, device)
    return Pack(
        branches=tuple(branches),
        runs=tuple(runs),
        table=torch.cat([tables[branch.layout, branch.text_tokens] for branch in branches]),
        slots=torch.cat(slots).to(device, non_blocking=True),
        key_rows=key_start,
        needed=torch.cat(needed).to(device, non_blocking=True),
    )


def _rotary(branch: Branch, transformer, device: torch.device) -> torch.Tensor:
    positions = branch.layout.positions(branch.text_tokens, transformer.config).to(device)
    cos, sin = transformer.rotary_emb(positions[:, None], device, torch.float32)
    return torch.cat([cos[0], sin[0]], dim=-1)


def split_by_tokens(branches: Sequence[Branch], limit: int) -> list[list[Branch]]:
    """`branches` in order, in passes of at most `limit` tokens (or one branch)."""
    passes: list[list[Branch]] = []
    room = 0
    for branch in branches:
        if not passes or branch.layout.tokens > room:
            passes.append([])
            room = limit
        passes[-1].append(branch)
        room -= branch.layout.tokens
    return passes
