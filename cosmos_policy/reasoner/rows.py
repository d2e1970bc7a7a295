"""Keys and values of several answers at once: one row each, every row as long as it is."""

from __future__ import annotations

from typing import Any

import torch
from transformers import Cache, DynamicCache
from transformers.cache_utils import CacheLayerMixin

#: rows grow by so many tokens: each size is a shape of its own, for which a graph is recorded
GROWTH = 512


class _RowLayer(CacheLayerMixin):
    """One layer's keys and values: [rows, heads, length, head size]. Each update adds one token to every row."""

    is_sliding = False
    is_croppable = False

    def __init__(self, keys: torch.Tensor, values: torch.Tensor, owner: Rows):
        super().__init__()
        self.keys, self.values, self._owner, self.is_initialized = keys, values, owner, True
        self.dtype, self.device = keys.dtype, keys.device

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        """Nothing: the room is there."""

    def update(self, key_states: torch.Tensor, value_states: torch.Tensor, *args, **kwargs):
        """key_states, value_states: [rows, heads, 1, head size]; returns all keys and values, also the unused ones."""
        numbers, places = self._owner.numbers, self._owner.places
        self.keys[numbers, :, places] = key_states[:, :, 0]
        self.values[numbers, :, places] = value_states[:, :, 0]
        return self.keys, self.values

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        return self.keys.shape[2], 0

    def get_seq_length(self) -> int:
        return self.keys.shape[2]

    def get_max_length(self) -> int:
        return self.keys.shape[2]


class Rows(Cache):
    """Room for the keys and values of `count` answers of at most `length` tokens each.

    like: the cache of one prompt, whose layers show the shapes and where they lie.
    numbers: int64 [rows], 0, 1, ... places: int64 [rows], where in its row each next token goes; set before a pass.
    """

    @torch.inference_mode()
    def __init__(self, count: int, length: int, like: DynamicCache | Rows):
        shapes = [(layer.keys.shape, layer.keys) for layer in like.layers]
        super().__init__(
            layers=[
                _RowLayer(*(old.new_zeros(count, shape[1], length, shape[3]) for _ in range(2)), self)
                for shape, old in shapes
            ]
        )
        self.count, self.length = count, length
        device = like.layers[0].keys.device
        self.numbers = torch.arange(count, device=device)
        self.places = torch.zeros(count, dtype=torch.long, device=device)

    @torch.inference_mode()
    def take(self, row: int, prompt: DynamicCache) -> None:
        """Put a prompt's keys and values into `row`."""
        for ours, theirs in zip(self.layers, prompt.layers, strict=True):
            tokens = theirs.keys.shape[2]
            ours.keys[row, :, :tokens] = theirs.keys[0]
            ours.values[row, :, :tokens] = theirs.values[0]

    @torch.inference_mode()
    def grown(self, length: int) -> Rows:
        """The same rows with room for `length` tokens."""
        wider = Rows(self.count, length, self)
        for new, old in zip(wider.layers, self.layers, strict=True):
            new.keys[:, :, : self.length], new.values[:, :, : self.length] = old.keys, old.values
        return wider

    def mask(self, places: torch.Tensor) -> torch.Tensor:
        """bool [rows, 1, 1, length]: what the token at each row's place attends to."""
        return torch.arange(self.length, device=places.device)[None, None, None] <= places[:, None, None, None]


def room_for(tokens: int) -> int:
    """The length of rows that hold `tokens`."""
    return -(-tokens // GROWTH) * GROWTH


def rows_that_fit(most: int, tokens: int, config: Any, device: torch.device, dtype: torch.dtype) -> int:
    """How many rows of `tokens` tokens a device's free memory holds, at least 1 and at most `most`.

    config: the language network's. Growing needs the old rows beside the new ones, and a prompt its own room: a third
    of what is free is taken.
    """
    if device.type != "cuda":
        return most
    heads = config.num_key_value_heads * config.head_dim
    row_bytes = 2 * config.num_hidden_layers * heads * dtype.itemsize * room_for(tokens)
    free = torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(1, min(most, free // 3 // row_bytes))
