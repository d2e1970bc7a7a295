"""The reasoner with tensor parallelism: what its language network computes, the other processes compute with it.

Each of them holds its part of the language layers' weights, and its heads' part of every cache. The first process reads
conversations, embeds, draws tokens; whenever it calls the layers, it tells the others what they are called with.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import nn
from transformers import AutoConfig, DynamicCache

from cosmos_policy.reasoner.network import share_network
from cosmos_policy.reasoner.rows import Rows

Memory = dict[str, Any]


class Group(Protocol):
    """The first process's engine (:class:`cosmos_policy.engine.parallel.group.GroupEngine`)."""

    def everywhere(self, function: Callable[..., None], *arguments: Any) -> None: ...

    def give_up(self, reason: str) -> None: ...


class Mirror:
    """Tells the other processes. network: the first process's; its language layers are called by others' leave.

    Caches are known to the others by numbers; those that are gone here are dropped there with the next message.
    """

    def __init__(self, group: Group, network: nn.Module, folder: Path, groups: int):
        """groups: query heads for each key/value head of this process."""
        self._group, self._numbers, self._gone = group, weakref.WeakKeyDictionary(), []
        self._made = 0
        language = network.model.language_model
        fit_heads(language, groups)
        group.everywhere(build, folder)
        self._forward = language.forward
        language.forward = self._called

    def take(self, rows: Rows, row: int, prompt: DynamicCache) -> None:
        """`rows` has taken `prompt` into `row`."""
        self._tell(take, self._number(rows), (rows.count, rows.length), row, self._number(prompt))

    def grow(self, rows: Rows, wider: Rows) -> None:
        """`wider` has taken the place of `rows`."""
        self._tell(grow, self._number(rows), self._number(wider), wider.length)

    def _called(self, *, past_key_values: DynamicCache | Rows, **named: Any) -> Any:
        places = past_key_values.places.cpu() if isinstance(past_key_values, Rows) else None
        self._tell(forward, self._number(past_key_values), _moved(named, torch.device("cpu")), places)
        try:
            return self._forward(past_key_values=past_key_values, **named)
        except BaseException as error:
            self._group.give_up(f"the language layers failed in the first process ({error!r})")
            raise

    def _number(self, cache: Any) -> int:
        if cache not in self._numbers:
            self._made += 1
            self._numbers[cache] = self._made
            weakref.finalize(cache, self._gone.append, self._made)
        return self._numbers[cache]

    def _tell(self, function: Callable[..., None], *arguments: Any) -> None:
        gone, self._gone[:] = tuple(self._gone), []
        self._group.everywhere(function, gone, *arguments)


def fit_heads(language: nn.Module, groups: int) -> None:
    """Tell attention how many query heads share a key/value head in this process."""
    for module in language.modules():
        if hasattr(module, "num_key_value_groups"):
            module.num_key_value_groups = groups


def build(engine: Any, memory: Memory, folder: Path) -> None:
    """The others: the language layers on this process's weights."""
    transformer = engine.transformer
    dtype = transformer.embed_tokens.weight.dtype
    network = share_network(AutoConfig.from_pretrained(folder), transformer, engine.device, dtype)
    memory["language"], memory["caches"] = network.model.language_model, {}
    memory["config"] = network.config.get_text_config()
    fit_heads(memory["language"], transformer.layers[0].self_attn.num_key_value_groups)


@torch.inference_mode()
def forward(
    engine: Any, memory: Memory, gone: tuple[int, ...], number: int, named: dict[str, Any], places: torch.Tensor | None
) -> None:
    """The others: one call of the layers; a cache that is not known is a new prompt's."""
    caches = _kept(memory, gone)
    if number not in caches:
        caches[number] = DynamicCache(config=memory["config"])
    if places is not None:
        caches[number].places.copy_(places)
    memory["language"](past_key_values=caches[number], **_moved(named, engine.device))


def take(
    engine: Any, memory: Memory, gone: tuple[int, ...], number: int, room: tuple[int, int], row: int, prompt: int
) -> None:
    """The others: a prompt's keys and values into a row."""
    caches = _kept(memory, gone)
    if number not in caches:
        caches[number] = Rows(*room, caches[prompt])
    caches[number].take(row, caches[prompt])


def grow(engine: Any, memory: Memory, gone: tuple[int, ...], number: int, wider: int, length: int) -> None:
    """The others: longer rows."""
    caches = _kept(memory, gone)
    caches[wider] = caches[number].grown(length)


def _kept(memory: Memory, gone: tuple[int, ...]) -> dict[int, Any]:
    for number in gone:
        memory["caches"].pop(number, None)
    return memory["caches"]


def _moved(value: Any, device: torch.device) -> Any:
    if isinstance(value, torch.Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: _moved(part, device) for name, part in value.items()}
    return type(value)(_moved(part, device) for part in value) if isinstance(value, (list, tuple)) else value
