"""Rests while a long prompt is read: something more urgent can be computed between two layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn


@contextmanager
def resting(network: nn.Module, device: torch.device, rest: Callable[[], None] | None) -> Iterator[None]:
    """While this lasts, `rest` is called behind every layer of `network` (language and vision), on a GPU when it has
    been computed; what it raises leaves the network. None: nothing is called."""
    layers = [part for module in network.modules() if isinstance(module, nn.ModuleList) for part in module]

    def called(part: nn.Module, arguments: tuple, result: object) -> None:
        if device.type == "cuda":
            torch.cuda.current_stream(device).synchronize()
        rest()

    handles = [] if rest is None else [layer.register_forward_hook(called) for layer in layers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
