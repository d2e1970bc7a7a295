"""Several requests, and both branches of guidance, side by side in one stream without padding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil

import torch

from cosmos_policy.engine.layout import Layout

#: tokens of text: where branches are padded, prompts of 1 to 128 tokens have one room, of 129 to 256 another, ...
ROOM_STEP = 128
#: rows for keys, where branches are padded: masks want whole vectors
KEY_STEP = 64


@dataclass(frozen=True)
class Branch:
    """One request under one prompt.

    request: its place in the batch. negative: whether under its negative prompt. bare: whether without its control
    videos, which `layout` then lacks. text_rows: the room that prompt has; see :class:`Pack`. first_needed: the first
    of its tokens that is read after the last layer.
    """

    request: int
    negative: bool
    layout: Layout
    text_rows: int
    first_needed: int
    bare: bool = False

    @property
    def side(self) -> int:
        """Which of the velocities that guidance weighs against each other: 0 prompt, 1 negative, 2 bare."""
        return 2 * self.bare or int(self.negative)


@dataclass(frozen=True, eq=False)
class Run:
    """Neighbouring branches of equal lengths, attended in one call.

    first, count: which branches of the pack. tokens: of each. key_rows: of each, in the attention's buffers: its
    tokens, then its text, then what is left over. start: the first one's first token in the packed stream; key_start:
    its first row in those buffers. needed: of each, the tokens from here to the end are read after the last layer.
    """

    first: int
    count: int
    tokens: int
    key_rows: int
    start: int
    key_start: int
    needed: int

    @property
    def stop(self) -> int:
        return self.start + self.count * self.tokens

    @property
    def key_stop(self) -> int:
        return self.key_start + self.count * self.key_rows


@dataclass(frozen=True, eq=False)
class Pack:
    """A packed stream of branches: everything about it that neither a step nor a prompt changes.

    Where it is padded, a prompt may have fewer tokens than its branch has room for, so that one layout (and one
    recorded step) serves prompts of many lengths; else every prompt fills its room.

    slots: int64 [tokens], rows in the attention's buffers. key_rows: how many rows those have. needed: int64, the
    packed tokens that are read after the last layer. own: int64, which of the branches' tokens are in the stream; None:
    all of them.
    """

    branches: tuple[Branch, ...]
    runs: tuple[Run, ...]
    slots: torch.Tensor
    key_rows: int
    needed: torch.Tensor
    padded: bool
    own: torch.Tensor | None

    @property
    def tokens(self) -> int:
        return self.slots.shape[0]


def text_room(tokens: int) -> int:
    """The room of a prompt of `tokens` tokens, where branches are padded."""
    return ROOM_STEP * max(ceil(tokens / ROOM_STEP), 1)


def pack(branches: Sequence[Branch], padded: bool, device: torch.device) -> Pack:
    """Lay `branches` out one after the other, in order."""
    runs: list[Run] = []
    slots, needed = [], []
    start = key_start = 0
    for (tokens, text_rows, first), group in groupby(
        branches, key=lambda branch: (branch.layout.tokens, branch.text_rows, branch.first_needed)
    ):
        begun = runs[-1].first + runs[-1].count if runs else 0
        rows = tokens + text_rows
        if padded:
            rows = KEY_STEP * ceil(rows / KEY_STEP)
        run = Run(begun, len(list(group)), tokens, rows, start, key_start, first)
        runs.append(run)
        for index in range(run.count):
            row = key_start + index * rows
            slots.append(torch.arange(row, row + tokens))
            needed.append(torch.arange(start + index * tokens + first, start + (index + 1) * tokens))
        start, key_start = run.stop, run.key_stop
    return Pack(
        branches=tuple(branches),
        runs=tuple(runs),
        slots=torch.cat(slots).to(device, non_blocking=True),
        key_rows=key_start,
        needed=torch.cat(needed).to(device, non_blocking=True),
        padded=padded,
        own=None,
    )


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
