"""The next batch is made while the device works on this one: in a thread, and on a GPU in a stream of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import Any

import torch

from cosmos_policy.training.passes import tensors_of


class BatchAhead:
    """Batches by number, each made one earlier than it is asked for.

    A batch follows from (seed, process, step, part) alone, so that making it early changes nothing; one that was not
    foreseen (after a resume) is made when it is asked for.

    make: what makes a batch (a tensor, or tuples and dataclasses of them) from that seed. parts: passes of one step.
    device: where the batch lies. In the stream of the training steps a copy from the host would wait for all of them.
    """

    def __init__(
        self, make: Callable[[tuple[int, ...]], Any], seed: int, process: int, parts: int, device: torch.device
    ):
        self._make, self._seed, self._process, self._parts = make, seed, process, parts
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="batches")
        self._coming: tuple[tuple[int, int], Future] | None = None

    def batch(self, step: int, part: int) -> Any:
        """The batch of a pass; what making it raised is raised here."""
        coming, self._coming = self._coming, None
        future = coming[1] if coming is not None and coming[0] == (step, part) else self._begin(step, part)
        found = future.result()
        if self._stream is not None:
            consumer = torch.cuda.current_stream(self._stream.device)
            consumer.wait_stream(self._stream)
            for each in tensors_of(found):  # its memory waits for the steps that read it
                each.record_stream(consumer)
        follows = (step, part + 1) if part + 1 < self._parts else (step + 1, 0)
        self._coming = follows, self._begin(*follows)
        return found

    def _begin(self, step: int, part: int) -> Future:
        return self._pool.submit(self._made, (self._seed, self._process, step, part))

    def _made(self, seed: tuple[int, ...]) -> Any:
        with torch.cuda.stream(self._stream) if self._stream is not None else nullcontext():
            return self._make(seed)
