"""Where the transformer's weights wait, for cards that cannot hold them all.

``None`` keeps everything on the device. ``"text"`` keeps the text stream in host memory: it is needed only when a new
prompt is read, and then comes over layer by layer. ``"layers"`` keeps the generation stream there too, and brings each
layer over while the one before it computes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Literal, get_args

import torch
from torch import nn

from cosmos_policy.engine.stream import Layer
from cosmos_policy.errors import UsageError

Offload = Literal["text", "layers"]
#: diffusers' names of what only the text stream uses, in a layer's attention and in a layer
TEXT_ATTENTION = ("to_q", "to_k", "to_v", "to_out", "norm_q", "norm_k", "k_norm_und_for_gen")
TEXT_LAYER = ("mlp", "input_layernorm", "post_attention_layernorm")
#: the same of the whole transformer; the reasoner's output head is never used here
TEXT_WHOLE = ("embed_tokens", "lm_head", "norm")
PROJECTIONS = ("qkv", "out", "up", "down")


def check_offload(offload: str | None, device: torch.device) -> None:
    """Raise a :class:`UsageError` for a choice that does not exist or makes no sense on `device`."""
    if offload is None:
        return
    if offload not in get_args(Offload):
        raise UsageError(f"offload {offload!r} is not one of {', '.join(get_args(Offload))} (or None).")
    if device.type != "cuda":
        raise UsageError(f"offload={offload!r} is for CUDA devices; on {device} all weights are in host memory anyway.")


def text_modules(layer: nn.Module) -> list[nn.Module]:
    """The modules of one layer that only the text stream uses."""
    parts = [getattr(layer.self_attn, name) for name in TEXT_ATTENTION] + [getattr(layer, name) for name in TEXT_LAYER]
    return [part for part in parts if part is not None]


class Placement:
    """Puts a transformer's parts where `offload` says, and hands the layers out on the device when they are used.

    transformer: diffusers', in host memory where `offload` is not None.
    """

    def __init__(self, transformer: nn.Module, device: torch.device, offload: Offload | None):
        self._layers, self._device, self._offload = transformer.layers, device, offload
        if offload is None:
            return
        for layer in transformer.layers:
            text = text_modules(layer)
            for module in text:
                _pin(module)
            for module in (*layer.self_attn.children(), *layer.children()):
                if module is layer.self_attn or any(module is other for other in text):
                    continue
                # before projections are fused, so that there is one copy: on the device, or page-locked
                module.to(device) if offload == "text" else _pin(module)
        for name, module in transformer.named_children():
            if name not in (*TEXT_WHOLE, "layers"):
                module.to(device)
        for parameter in transformer.parameters(recurse=False):  # modality embeddings
            parameter.data = parameter.data.to(device)

    def text_layers(self) -> Iterator[nn.Module]:
        """diffusers' layers in order; an offloaded one's text half is on the device until the next is asked for."""
        if self._offload is None:
            yield from self._layers
            return
        for layer in self._layers:
            host = {parameter: parameter.data for module in text_modules(layer) for parameter in module.parameters()}
            for parameter, data in host.items():
                parameter.data = data.to(self._device, non_blocking=True)
            try:
                yield layer
            finally:
                for parameter, data in host.items():
                    parameter.data = data

    def video_layers(self, layers: list[Layer]) -> list[Layer] | StreamedLayers:
        """`layers` of the generation stream, on the device or streamed onto it."""
        if self._offload != "layers":
            return layers
        return StreamedLayers([_small_moved(layer, self._device) for layer in layers], self._device)


class StreamedLayers:
    """Layers whose projections wait in page-locked memory. Iterating brings each over on a copy stream, into one of two
    places on the device, while the one before it computes."""

    def __init__(self, layers: list[Layer], device: torch.device):
        def pinned(data: torch.Tensor) -> torch.Tensor:
            return data.pin_memory()

        def room(data: torch.Tensor) -> torch.Tensor:
            return torch.empty_like(data, device=device)

        self._host = [_with_projections(layer, lambda part: part.moved(pinned)) for layer in layers]
        self._slots = [_with_projections(layers[0], lambda part: part.moved(room)) for _ in range(2)]
        self._copies = torch.cuda.Stream(device)
        self._device = device

    def __len__(self) -> int:
        return len(self._host)

    def __getitem__(self, index: int) -> Layer:
        """A layer's small parts; its projections are only good inside an iteration."""
        return self._host[index]

    def __iter__(self) -> Iterator[Layer]:
        compute = torch.cuda.current_stream(self._device)
        self._copies.wait_stream(compute)
        arrived = [self._bring(0)]
        for index, layer in enumerate(self._host):
            if index + 1 < len(self._host):
                # The other slot's last user has been queued: the copy waits for it on the device alone.
                self._copies.wait_stream(compute)
                arrived.append(self._bring(index + 1))
            compute.wait_event(arrived[index])
            slot = self._slots[index % 2]
            yield replace(layer, **{name: getattr(slot, name) for name in PROJECTIONS})

    def _bring(self, index: int) -> torch.cuda.Event:
        with torch.cuda.stream(self._copies):
            for name in PROJECTIONS:
                getattr(self._slots[index % 2], name).copy_from(getattr(self._host[index], name))
            return self._copies.record_event()


def _with_projections(layer: Layer, change) -> Layer:
    return replace(layer, **{name: change(getattr(layer, name)) for name in PROJECTIONS})


def _small_moved(layer: Layer, device: torch.device) -> Layer:
    """The layer with all but its projections on `device`."""
    heads = replace(layer.heads, query=layer.heads.query.to(device), key=layer.heads.key.to(device))
    return replace(layer, heads=heads, first_norm=layer.first_norm.to(device), second_norm=layer.second_norm.to(device))


def _pin(module: nn.Module) -> None:
    """Move a module's weights to page-locked host memory, from where copies run beside the computation."""
    for parameter in module.parameters():
        parameter.data = parameter.data.to("cpu").pin_memory()
