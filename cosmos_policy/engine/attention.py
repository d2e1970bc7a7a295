"""Attention of the generation stream: which kernel is fastest here, measured once."""

from __future__ import annotations

import importlib.util
import logging
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

logger = logging.getLogger(__name__)

#: queries and keys of the trial: one branch of the DROID policy
TRIAL_TOKENS = (3092, 3392)


class Attention(Protocol):
    """One way to attend. query: [n, L, heads, D]; key, value: [n, S, key/value heads, D]. Returns [n, L, heads, D]."""

    name: str

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True)
class TorchAttention:
    """torch's scaled_dot_product_attention. backend: None leaves the choice to torch. repeat: whether key/value heads
    are repeated for it, as kernels need that know no groups."""

    name: str = "torch"
    backend: SDPBackend | None = None
    repeat: bool = False

    def __call__(self, query, key, value):
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        if self.repeat:
            times = query.shape[1] // key.shape[1]
            key, value = (part.repeat_interleave(times, dim=1) for part in (key, value))
        if self.backend is None:
            return functional.scaled_dot_product_attention(query, key, value, enable_gqa=True).transpose(1, 2)
        with sdpa_kernel(self.backend):
            attended = functional.scaled_dot_product_attention(query, key, value, enable_gqa=not self.repeat)
        return attended.transpose(1, 2)


@dataclass(frozen=True)
class FlashAttention4:
    """The package flash-attn-4 (the extra "gpu"), where it is installed."""

    function: Callable
    name: str = "flash-attn-4"

    def __call__(self, query, key, value):
        result = self.function(query, key, value)
        return result[0] if isinstance(result, tuple) else result


def candidates() -> list[Attention]:
    """Every way to attend that is installed; not each works on every device."""
    found: list[Attention] = [
        TorchAttention("cudnn", SDPBackend.CUDNN_ATTENTION),
        TorchAttention("flash", SDPBackend.FLASH_ATTENTION),
        TorchAttention("flash, repeated heads", SDPBackend.FLASH_ATTENTION, True),
        TorchAttention("efficient, repeated heads", SDPBackend.EFFICIENT_ATTENTION, True),
        TorchAttention("math", SDPBackend.MATH),
    ]
    if importlib.util.find_spec("flash_attn"):
        try:
            from flash_attn.cute import flash_attn_func
        except Exception as error:  # an older flash-attn, or one that is half there: neither may stop the robot
            logger.warning("the package flash_attn is there but has no flash-attn-4 that can be imported: %r", error)
        else:
            found.append(FlashAttention4(flash_attn_func))
    return found


def choose_attention(device: torch.device, dtype: torch.dtype, heads: int, kv_heads: int, head_dim: int) -> Attention:
    """The fastest kernel that works on `device` for this head layout; torch's own choice on a CPU."""
    if device.type != "cuda":
        return TorchAttention()
    shape = {"device": device, "dtype": dtype}
    query = torch.randn(1, TRIAL_TOKENS[0], heads, head_dim, **shape)
    key, value = torch.randn(2, 1, TRIAL_TOKENS[1], kv_heads, head_dim, **shape)
    timed = []
    for candidate in candidates():
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # torch warns of every kernel that it was told not to take
                timed.append((_milliseconds(candidate, query, key, value), candidate))
        except Exception as error:  # each library has its own way to say no to a GPU, a dtype or a head size
            logger.info("attention: %s does not work here: %r", candidate.name, error)
    best = min(timed, key=lambda pair: pair[0])[1]
    logger.info("attention: %s (%s)", best.name, ", ".join(f"{one.name} {ms:.2f} ms" for ms, one in timed))
    return best


def _milliseconds(attention: Attention, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> float:
    attention(query, key, value)
    torch.cuda.synchronize(query.device)
    started, repeats = time.perf_counter(), 5
    for _ in range(repeats):
        attention(query, key, value)
    torch.cuda.synchronize(query.device)
    return 1e3 * (time.perf_counter() - started) / repeats
