"""CUDA graphs: work whose kernels are so short that launching them takes longer than running them."""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Callable, Hashable

import torch

logger = logging.getLogger(__name__)


class Graphs:
    """Records a function of tensors the second time it sees a key, and replays it from then on.

    The first call of a key runs plainly, which also lets kernels be chosen and compiled. At most `limit` graphs are
    kept; the one that was used longest ago goes first. Where recording fails, the function keeps running plainly.
    """

    def __init__(self, device: torch.device, limit: int):
        self._works, self._limit = device.type == "cuda", limit
        self._pool = torch.cuda.graph_pool_handle() if self._works else None
        self._seen: OrderedDict[Hashable, _Recording | None] = OrderedDict()

    def run(self, key: Hashable, function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
        """``function(*inputs)``, the caller's own. Equal keys must mean equal shapes, and all else equal too."""
        if not self._works:
            return function(*inputs)
        if key not in self._seen:
            self._seen[key] = None
            while len(self._seen) > self._limit:
                self._seen.popitem(last=False)
            return function(*inputs)
        self._seen.move_to_end(key)
        if self._seen[key] is None:
            try:
                self._seen[key] = _Recording(function, inputs, self._pool)
            except RuntimeError as error:
                logger.warning("CUDA graphs do not work here (%s): kernels are launched one by one.", error)
                self._works = False
                return function(*inputs)
        return self._seen[key].replay(inputs)


class _Recording:
    def __init__(self, function: Callable[..., torch.Tensor], inputs: tuple[torch.Tensor, ...], pool):
        self._inputs = [given.clone() for given in inputs]
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._output = function(*self._inputs)

    def replay(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        for place, given in zip(self._inputs, inputs, strict=True):
            place.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._output.clone()
