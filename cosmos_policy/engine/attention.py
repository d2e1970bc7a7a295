"""Attention of the generation stream: which of torch's kernels is fastest here, measured once."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

logger = logging.getLogger(__name__)

#: name -> (torch's backend, whether key/value heads must be repeated for it)
CUDA_KERNELS = {
    "cudnn": (SDPBackend.CUDNN_ATTENTION, False),
    "flash": (SDPBackend.FLASH_ATTENTION, False),
    "flash, repeated heads": (SDPBackend.FLASH_ATTENTION, True),
    "efficient, repeated heads": (SDPBackend.EFFICIENT_ATTENTION, True),
    "math": (SDPBackend.MATH, False),
}
TRIAL_TOKENS = 2048


@dataclass(frozen=True)
class Attention:
    """One way to attend. name: a key of ``CUDA_KERNELS``, or "torch" for torch's own choice."""

    name: str
    backend: SDPBackend | None = None
    repeat: bool = False

    def __call__(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        """query: [n, L, heads, D]; key, value: [n, S, key/value heads, D]. Returns [n, L, heads, D]."""
        query, key, value = (part.transpose(1, 2) for part in (query, key, value))
        if self.repeat:
            times = query.shape[1] // key.shape[1]
            key, value = (part.repeat_interleave(times, dim=1) for part in (key, value))
        if self.backend is None:
            return functional.scaled_dot_product_attention(query, key, value, enable_gqa=True).transpose(1, 2)
        with sdpa_kernel(self.backend):
            attended = functional.scaled_dot_product_attention(query, key, value, enable_gqa=not self.repeat)
        return attended.transpose(1, 2)


def choose_attention(device: torch.device, dtype: torch.dtype, heads: int, kv_heads: int, head_dim: int) -> Attention:
    """The fastest kernel that works on `device` for this head layout; torch's own choice on a CPU."""
    if device.type != "cuda":
        return Attention("torch")
    shape = {"device": device, "dtype": dtype}
    query = torch.randn(1, TRIAL_TOKENS, heads, head_dim, **shape)
    key = torch.randn(1, TRIAL_TOKENS, kv_heads, head_dim, **shape)
    timed = {}
    for name, (backend, repeat) in CUDA_KERNELS.items():
        candidate = Attention(name, backend, repeat)
        try:
            timed[name] = _milliseconds(candidate, query, key)
        except RuntimeError as error:  # torch's answer for a kernel that this GPU, dtype or head size does not have
            logger.debug("attention kernel %s is not available: %s", name, error)
    best = min(timed, key=timed.__getitem__)
    logger.info("attention: %s (%s)", best, ", ".join(f"{name} {ms:.2f} ms" for name, ms in timed.items()))
    return Attention(best, *CUDA_KERNELS[best])


def _milliseconds(attention: Attention, query: torch.Tensor, key: torch.Tensor, repeats: int = 5) -> float:
    attention(query, key, key)
    torch.cuda.synchronize(query.device)
    started = time.perf_counter()
    for _ in range(repeats):
        attention(query, key, key)
    torch.cuda.synchronize(query.device)
    return 1e3 * (time.perf_counter() - started) / repeats
