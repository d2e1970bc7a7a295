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

    works: whether anything is recorded here. recordings: how many were made.
    """

    def __init__(self, device: torch.device, limit: int):
        self.works, self.recordings, self._limit = device.type == "cuda", 0, limit
        self._pool = torch.cuda.graph_pool_handle() if self.works else None
        self._seen: OrderedDict[Hashable, _Recording | None] = OrderedDict()
        self._places = _Places()

    def run(self, key: Hashable, function: Callable[..., torch.Tensor], *inputs: torch.Tensor) -> torch.Tensor:
        """``function(*inputs)``, the caller's own. Equal keys must mean equal shapes, and all else equal too."""
        if not self.works:
            return function(*inputs)
        if key not in self._seen:
            self._seen[key] = None
            while len(self._seen) > self._limit:
                self._seen.popitem(last=False)
            return function(*inputs)
        self._seen.move_to_end(key)
        if self._seen[key] is None:
            try:
                self._seen[key] = _Recording(function, self._places.of(inputs), self._pool)
                self.recordings += 1
            except RuntimeError as error:
                logger.warning("CUDA graphs do not work here (%s): kernels are launched one by one.", error)
                self.works = False
                return function(*inputs)
        return self._seen[key].replay(inputs)


class _Places:
    """Where recordings read their inputs. They run one after the other, so inputs of one shape share a place."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, torch.Tensor] = {}

    def of(self, inputs: tuple[torch.Tensor, ...]) -> list[torch.Tensor]:
        """The places of `inputs`, which are copied there."""
        places = []
        for index, given in enumerate(inputs):
            key = (index, given.shape, given.dtype)
            if key not in self._kept:
                self._kept[key] = torch.empty_like(given, memory_format=torch.contiguous_format)
            places.append(self._kept[key].copy_(given))
        return places


class _Recording:
    """places: what the function reads; `replay` fills them first."""

    def __init__(self, function: Callable[..., torch.Tensor], places: list[torch.Tensor], pool):
        self._places = places
        torch.cuda.synchronize()
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph, pool=pool):
            self._output = function(*places)

    def replay(self, inputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        for place, given in zip(self._places, inputs, strict=True):
            place.copy_(given, non_blocking=True)
        self._graph.replay()
        return self._output.clone()
