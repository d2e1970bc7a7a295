"""Forward and backward pass of a batch: gradients are added to what the weights have. As it comes, or as a CUDA graph.

A small network is launched for longer than it computes (H200, 14.5 M weights, batches of 128: 51 ms of launching for
11 ms of computing); a recorded pass is launched at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch
from torch import Tensor

#: Passes before a recording: libraries choose their kernels in them, and compilers compile.
WARM_UP_PASSES = 3

#: A batch -> losses by name; "total" is what gradients are of.
Losses = Callable[[Any], Mapping[str, Tensor]]


class Passes:
    """Passes as they come.

    losses: what a pass computes. backward: takes the loss to gradients. trained: the weights. share: of the loss that
    one pass counts for. context: makes the surroundings of the forward pass (precision).
    """

    def __init__(
        self,
        losses: Losses,
        backward: Callable[[Tensor], None],
        trained: Sequence[Tensor],
        share: float,
        context: Callable[[], Any],
    ):
        self._losses, self._backward, self._trained = losses, backward, trained
        self._share, self._context = share, context

    def run(self, batch: Any) -> dict[str, Tensor]:
        """The losses of a batch, detached; gradients are added up."""
        with self._context():
            losses = self._losses(batch)
            self._backward(losses["total"] * self._share)
        return {name: value.detach() for name, value in losses.items()}

    def clear(self) -> None:
        """Forget the gradients."""
        for each in self._trained:
            each.grad = None


@dataclass(frozen=True)
class _Recording:
    """A recorded pass: what it reads, what it writes, and the graph."""

    batch: Any
    losses: dict[str, Tensor]
    graph: torch.cuda.CUDAGraph


class RecordedPasses(Passes):
    """Passes recorded once for each shape of batches, and replayed. Gradients keep their place in memory."""

    def __init__(self, *arguments, **keywords):
        super().__init__(*arguments, **keywords)
        self._recordings: dict[tuple, _Recording] = {}
        self._pool = torch.cuda.graph_pool_handle()
        for each in self._trained:
            each.grad = torch.zeros_like(each)

    def run(self, batch: Any) -> dict[str, Tensor]:
        key = tuple((tuple(each.shape), each.dtype) if isinstance(each, Tensor) else each for each in _leaves(batch))
        if key not in self._recordings:
            self._recordings[key] = self._record(batch)
        recording = self._recordings[key]
        for mine, theirs in zip(tensors_of(recording.batch), tensors_of(batch), strict=True):
            mine.copy_(theirs, non_blocking=True)
        recording.graph.replay()
        return {name: value.clone() for name, value in recording.losses.items()}

    def clear(self) -> None:
        torch._foreach_zero_([each.grad for each in self._trained])

    def _record(self, batch: Any) -> _Recording:
        kept = [each.grad.clone() for each in self._trained]
        mine = _copied(batch)
        aside = torch.cuda.Stream()
        aside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(aside):
            for _ in range(WARM_UP_PASSES):
                super().run(mine)
        torch.cuda.current_stream().wait_stream(aside)
        graph = torch.cuda.CUDAGraph()
        # The next batch is made in another thread meanwhile; only this one must not disturb the recording.
        with torch.cuda.graph(graph, self._pool, capture_error_mode="thread_local"):
            losses = super().run(mine)
        torch._foreach_copy_([each.grad for each in self._trained], kept)
        return _Recording(mine, losses, graph)


def tensors_of(batch: Any) -> list[Tensor]:
    """The tensors in a batch (a tensor, or tuples and dataclasses of them), in their order."""
    return [each for each in _leaves(batch) if isinstance(each, Tensor)]


def _leaves(batch: Any) -> list[Any]:
    """Tensors and numbers, in their order."""
    if isinstance(batch, (tuple, list)):
        return [found for each in batch for found in _leaves(each)]
    if is_dataclass(batch):
        return [found for field in fields(batch) for found in _leaves(getattr(batch, field.name))]
    return [batch]


def _copied(batch: Any) -> Any:
    """The same batch in memory of its own."""
    if isinstance(batch, Tensor):
        return batch.clone()
    if isinstance(batch, (tuple, list)):
        return type(batch)(_copied(each) for each in batch)
    if is_dataclass(batch):
        return replace(batch, **{field.name: _copied(getattr(batch, field.name)) for field in fields(batch)})
    return batch
