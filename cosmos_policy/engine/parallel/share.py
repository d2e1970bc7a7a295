"""Which branches and which tokens of a step one process computes."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from cosmos_policy.engine.packing import Branch, Pack
from cosmos_policy.engine.parallel.context import pack_window, window_of
from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.engine.share import Share


class MeshShare(Share):
    """The share of one place in a mesh."""

    alone = False

    def __init__(self, mesh: Mesh):
        self._mesh, self.answers = mesh, mesh.first

    def known(self, latents: torch.Tensor) -> torch.Tensor:
        """The first process's: another one's kernels may round differently."""
        return self._mesh.firsts(latents.contiguous())

    def branches(self, branches: Sequence[Branch]) -> Sequence[Branch]:
        """Neighbouring branches, so many that each process has about as many tokens to compute."""
        return _balanced(branches, self._mesh.sizes.guidance)[self._mesh.guidance]

    def window(self, tokens: int) -> tuple[int, int, int]:
        return window_of(tokens, self._mesh.context, self._mesh.sizes.context)

    def pack(self, branches: Sequence[Branch], padded: bool, device: torch.device) -> Pack:
        if self._mesh.sizes.context == 1:
            return super().pack(branches, padded, device)
        return pack_window(branches, padded, device, self._mesh.context, self._mesh.sizes.context)

    def join(self, velocities: torch.Tensor) -> torch.Tensor:
        """Adding zeros changes nothing: each number comes from one process alone."""
        return self._mesh.joined_sum(velocities)


def _balanced(branches: Sequence[Branch], count: int) -> list[list[Branch]]:
    """`branches` in order, in `count` parts (some may be empty): a branch goes where the middle of its tokens lies."""
    total = sum(branch.layout.tokens for branch in branches)
    parts: list[list[Branch]] = [[] for _ in range(count)]
    before = 0
    for branch in branches:
        middle = before + branch.layout.tokens / 2
        parts[min(int(middle * count / total), count - 1)].append(branch)
        before += branch.layout.tokens
    return parts
