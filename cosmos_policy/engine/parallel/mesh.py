"""One process's place among those that compute one model, and what they exchange (torch.distributed)."""

from __future__ import annotations

from datetime import timedelta
from itertools import product
from typing import Any

import torch
from torch import distributed

from cosmos_policy.engine.parallel.sizes import Parallel

#: a process may wait this long for the next request
IDLE = timedelta(days=3650)


class Mesh:
    """Who computes with whom. torch.distributed's default group is there, with one process for each place.

    sizes: the three ways to share. Ranks count tensor fastest, guidance slowest. device: this process's.
    """

    def __init__(self, sizes: Parallel, device: torch.device):
        self.sizes, self.device, self.rank = sizes, device, distributed.get_rank()
        self.tensor = self.rank % sizes.tensor
        self.context = self.rank // sizes.tensor % sizes.context
        self.guidance = self.rank // (sizes.tensor * sizes.context)
        places = list(product(range(sizes.guidance), range(sizes.context), range(sizes.tensor)))
        ranks = {place: rank for rank, place in enumerate(places)}
        self._tensor_group = _own_group(ranks, lambda guidance, context, tensor: (guidance, context))
        self._context_group = _own_group(ranks, lambda guidance, context, tensor: (guidance, tensor))
        self._joined_group = _own_group(ranks, lambda guidance, context, tensor: tensor)
        self._control = distributed.new_group(backend="gloo", timeout=IDLE)

    @property
    def first(self) -> bool:
        """Whether this is the process that is asked and answers."""
        return self.rank == 0

    def tensor_sum(self, part: torch.Tensor) -> torch.Tensor:
        """The sum over those who share the weights, in place."""
        distributed.all_reduce(part, group=self._tensor_group)
        return part

    def context_gather(self, own: torch.Tensor) -> torch.Tensor:
        """[...] of each -> [context, ...] of all who share the tokens, in order."""
        whole = own.new_empty(self.sizes.context * own.shape[0], *own.shape[1:])
        distributed.all_gather_into_tensor(whole, own.contiguous(), group=self._context_group)
        return whole.unflatten(0, (self.sizes.context, own.shape[0]))

    def joined_sum(self, part: torch.Tensor) -> torch.Tensor:
        """The sum over those who share branches and tokens, in place."""
        if self.sizes.context * self.sizes.guidance > 1:
            distributed.all_reduce(part, group=self._joined_group)
        return part

    def firsts(self, own: torch.Tensor) -> torch.Tensor:
        """The first process's tensor, in place, for those whose kernels may have rounded differently."""
        distributed.broadcast(own, src=0)
        return own

    def tell(self, message: Any) -> None:
        """The first process's: what the others are to do."""
        distributed.broadcast_object_list([message], src=0, group=self._control)

    def hear(self) -> Any:
        """The others': the next message."""
        message: list[Any] = [None]
        distributed.broadcast_object_list(message, src=0, group=self._control)
        return message[0]

    def collect(self, own: Any) -> list[Any]:
        """What each has to say, by rank."""
        said: list[Any] = [None] * self.sizes.processes
        distributed.all_gather_object(said, own, group=self._control)
        return said


def _own_group(ranks: dict[tuple[int, int, int], int], key) -> distributed.ProcessGroup:
    """The group of this process among those of all: ranks of equal key are together."""
    members: dict[Any, list[int]] = {}
    for place, rank in ranks.items():
        members.setdefault(key(*place), []).append(rank)
    own, _ = distributed.new_subgroups_by_enumeration(list(members.values()))
    return own
