"""Attention of the generation stream: which kernel is fastest here, measured once."""

from __future__ import annotations

import importlib.util
import logging
import time
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from math import inf
from typing import ClassVar, Protocol

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from cosmos_policy.errors import Failure

logger = logging.getLogger(__name__)

#: of the trial: queries, keys that count, and rows for keys: one branch of the DROID policy under 300 tokens of text
TRIAL_TOKENS, TRIAL_KEYS, TRIAL_ROWS = 3092, 3392, 3520
#: how much slower large steps may attend for a new prompt to cost nothing but its reading
PADDING_ALLOWANCE = 1.1


class Attention(Protocol):
    """One way to attend. query: [n, L, heads, D]; key, value: [n, S, key/value heads, D]. Returns [n, L, heads, D].

    used: int32 [n] on the device, how many of the S keys count, from the first on; the others must be finite. None:
    all of them. reads_lengths: whether keys that do not count cost nothing.
    """

    name: str
    reads_lengths: bool

    def __call__(
        self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, used: torch.Tensor | None = None
    ) -> torch.Tensor: ...


@dataclass(frozen=True)
class TorchAttention:
    """torch's scaled_dot_product_attention. backend: None leaves the choice to torch. repeat: whether key/value heads
    are repeated for it, as kernels need that know no groups."""

    name: str = "torch"
    backend: SDPBackend | None = None
    repeat: bool = False
    reads_lengths: ClassVar[bool] = False

    def __call__(self, query, key, value, used=None):
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        mask = None
        if used is not None:  # added to the scores: kernels differ in whether they take true and false
            places = torch.arange(key.shape[2], device=key.device, dtype=used.dtype)
            outside = places >= used[:, None, None, None]
            mask = query.new_zeros(outside.shape).masked_fill(outside, float("-inf"))
            mask = mask.expand(-1, query.shape[1], query.shape[2], -1)
        if self.repeat:
            times = query.shape[1] // key.shape[1]
            key, value = (part.repeat_interleave(times, dim=1) for part in (key, value))
        with nullcontext() if self.backend is None else sdpa_kernel(self.backend):
            attended = functional.scaled_dot_product_attention(
                query, key, value, attn_mask=mask, enable_gqa=not self.repeat
            )
        return attended.transpose(1, 2)


@dataclass(frozen=True)
class FlashAttention4:
    """The package flash-attn-4 (the extra "gpu"), where it is installed. function: its ``flash_attn_varlen_func``."""

    function: Callable
    name: str = "flash-attn-4"
    reads_lengths: ClassVar[bool] = True

    def __call__(self, query, key, value, used=None):
        result = self.function(query, key, value, seqused_k=used)
        return result[0] if isinstance(result, tuple) else result


@dataclass(frozen=True)
class Choice:
    """exact: the fastest where all keys count. padded: the fastest where each branch has a number of keys that count.
    everywhere: whether large steps, too, leave room for longer prompts, because it costs (nearly) nothing."""

    exact: Attention
    padded: Attention
    everywhere: bool

    @property
    def name(self) -> str:
        if self.exact == self.padded:
            return self.exact.name
        return f"{self.exact.name}; {self.padded.name} in small steps"

    @classmethod
    def only(cls, attention: Attention) -> Choice:
        """`attention` for all there is."""
        return cls(attention, attention, attention.reads_lengths)


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
            from flash_attn.cute import flash_attn_varlen_func
        except Exception as error:  # an older flash-attn, or one that is half there: neither may stop the robot
            logger.warning("the package flash_attn is there but has no flash-attn-4 that can be imported: %r", error)
        else:
            found.append(FlashAttention4(flash_attn_varlen_func))
    return found


def choose_attention(device: torch.device, dtype: torch.dtype, heads: int, kv_heads: int, head_dim: int) -> Choice:
    """The fastest kernels that work on `device` for this head layout; torch's own choice on a CPU."""
    if device.type != "cuda":
        return Choice.only(TorchAttention())
    shape = {"device": device, "dtype": dtype}
    query = torch.randn(1, TRIAL_TOKENS, heads, head_dim, **shape)
    key, value = torch.randn(2, 1, TRIAL_ROWS, kv_heads, head_dim, **shape)
    used = torch.tensor([TRIAL_KEYS], dtype=torch.int32, device=device)
    exact, padded = {}, {}
    for candidate in candidates():
        padded[candidate] = _milliseconds(candidate, query, key, value, used)
        exact[candidate] = _milliseconds(candidate, query, key[:, :TRIAL_KEYS], value[:, :TRIAL_KEYS])
    choice = pick(exact, padded)
    told = ", ".join(f"{one.name} {exact[one]:.2f} ms, padded {padded[one]:.2f}" for one in exact)
    logger.info("attention: %s (%s)", choice.name, told)
    return choice


def pick(exact: dict[Attention, float], padded: dict[Attention, float]) -> Choice:
    """The choice by each candidate's milliseconds, without and with keys that do not count; infinity: does not work."""
    best, roomy = (min(timed, key=lambda one: timed[one]) for timed in (exact, padded))
    if inf in (exact[best], padded[roomy]):
        raise Failure("None of torch's attention kernels works on this device; the log says why (level INFO).")
    everywhere = padded[roomy] <= PADDING_ALLOWANCE * exact[best]
    return Choice(roomy if everywhere else best, roomy, everywhere)


def _milliseconds(attention: Attention, *inputs: torch.Tensor) -> float:
    """Of one call; infinity where it does not work."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns of every kernel that it was told not to take
            attention(*inputs)
            torch.cuda.synchronize()
            started, repeats = time.perf_counter(), 5
            for _ in range(repeats):
                attention(*inputs)
            torch.cuda.synchronize()
            return 1e3 * (time.perf_counter() - started) / repeats
    except Exception as error:  # each library has its own way to say no to a GPU, a dtype or a head size
        form = "padded" if len(inputs) > 3 else "unpadded"
        logger.info("attention: %s, %s, does not work here: %r", attention.name, form, error)
        return inf
