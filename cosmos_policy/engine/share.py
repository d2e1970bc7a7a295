"""What one process computes of a step: all of it, unless others compute with it (``cosmos_policy.engine.parallel``)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cosmos_policy.engine.packing import Branch, Pack, pack


class Share:
    """All of it. alone: whether nobody else computes. answers: whether this process is the one that is asked."""

    alone = answers = True

    def known(self, latents: torch.Tensor) -> torch.Tensor:
        """The latents of known frames, equal to the last bit in all processes."""
        return latents

    def branches(self, branches: Sequence[Branch]) -> Sequence[Branch]:
        """Those of a step's branches that are computed here."""
        return branches

    def window(self, tokens: int) -> tuple[int, int, int]:
        """Which of a branch's `tokens` are computed here: first, stop, and how often the last one is repeated behind
        them so that all who share a branch hold equally many."""
        return 0, tokens, 0

    def pack(self, branches: Sequence[Branch], padded: bool, device: torch.device) -> Pack:
        """The packed stream of these branches, of the tokens that are computed here."""
        return pack(branches, padded, device)

    def join(self, velocities: torch.Tensor) -> torch.Tensor:
        """Everybody's velocities. velocities: zero where others compute."""
        return velocities
