"""Language weights that wait in host memory: each layer's come to the device for as long as it computes."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn


def borrow_weights(network: nn.Module, device: torch.device) -> bool:
    """Make the parts of `network` whose weights are not on `device` bring them over when they are called.

    The weights are shared with the generator: what comes over is a copy that goes again, and the parameter points to
    the host's memory before and after. Returns whether there are such parts.
    """
    language = network.model.language_model
    parts = [language.embed_tokens, *language.layers, language.norm, network.lm_head]
    away = [part for part in parts if any(parameter.device.type != device.type for parameter in part.parameters())]
    for part in away:
        Borrowing(part, lambda data: data.to(device, non_blocking=True))
    return bool(away)


class Borrowing:
    """Hooks on one part: while it computes, its parameters are what `move` makes of them."""

    def __init__(self, part: nn.Module, move: Callable[[torch.Tensor], torch.Tensor]):
        self._move, self._home = move, {}
        part.register_forward_pre_hook(self._fetch)
        part.register_forward_hook(self._give_back, always_call=True)

    def _fetch(self, part: nn.Module, arguments: tuple) -> None:
        self._home = {parameter: parameter.data for parameter in part.parameters()}
        for parameter, data in self._home.items():
            parameter.data = self._move(data)

    def _give_back(self, part: nn.Module, arguments: tuple, result: object) -> None:
        for parameter, data in self._home.items():
            parameter.data = data
        self._home = {}
