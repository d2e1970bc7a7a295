"""The arithmetic between the matrix products, in plain torch: exact everywhere, and the yardstick for faster kernels.

``cosmos_policy.engine.kernels`` has the same functions as single passes over memory, for NVIDIA GPUs. All reduce in
float32 and round once at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import torch
from torch.nn import functional

FP8 = torch.float8_e4m3fn
FP8_LARGEST = torch.finfo(FP8).max


@dataclass(frozen=True)
class Scaled:
    """A matrix in 8-bit floating point with one scale a row: ``values * scales``.

    values: float8_e4m3fn [M, K]. scales: float32 [M, 1].
    """

    values: torch.Tensor
    scales: torch.Tensor


Activation = torch.Tensor | Scaled


class Operations(Protocol):
    """What a stream needs beside matrix products and attention. fp8: whether a :class:`Scaled` result is wanted."""

    name: str

    def norm(self, x: torch.Tensor, weight: torch.Tensor, eps: float, fp8: bool) -> Activation: ...

    def add_norm(
        self, x: torch.Tensor, update: torch.Tensor, weight: torch.Tensor, eps: float, fp8: bool
    ) -> tuple[torch.Tensor, Activation]: ...

    def rotate_heads(
        self,
        qkv: torch.Tensor,
        heads: Heads,
        table: torch.Tensor,
        slots: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
    ) -> torch.Tensor: ...

    def gate(self, hidden: torch.Tensor, gated: bool, fp8: bool) -> Activation: ...

    def quantize(self, x: torch.Tensor) -> Scaled: ...

    def norm_silu(self, x: torch.Tensor, gamma: torch.Tensor, front: int) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class Heads:
    """One layer's heads. query, key: norm weights [head size]. count, kv_count: heads. eps: of the norms."""

    count: int
    kv_count: int
    size: int
    query: torch.Tensor
    key: torch.Tensor
    eps: float


class PlainOperations:
    """:class:`Operations` in plain torch."""

    name = "plain torch"

    def norm(self, x, weight, eps, fp8):
        """Root-mean-square norm over the last axis. x: [M, K]."""
        normed = _rms(x.float(), weight, eps).to(x.dtype)
        return self.quantize(normed) if fp8 else normed

    def add_norm(self, x, update, weight, eps, fp8):
        """``x + update`` and its norm."""
        total = x + update
        return total, self.norm(total, weight, eps, fp8)

    def rotate_heads(self, qkv, heads, table, slots, keys, values):
        """Norm and rotate queries and keys; keys and values go to their rows of the attention's buffers.

        qkv: [M, (count + 2 kv_count) * size]. table: float32 [M, 2 * size], cosines then sines. slots: int [M], the
        row of `keys` and `values` [S, kv_count, size] that belongs to each token. Returns queries [M, count, size].
        """
        query, key, value = qkv.unflatten(-1, (-1, heads.size)).split([heads.count, heads.kv_count, heads.kv_count], 1)
        cos, sin = table[:, None].chunk(2, dim=-1)
        keys[slots] = _rotate(_rms(key.float(), heads.key, heads.eps), cos, sin).to(qkv.dtype)
        values[slots] = value
        return _rotate(_rms(query.float(), heads.query, heads.eps), cos, sin).to(qkv.dtype)

    def gate(self, hidden, gated, fp8):
        """The MLP's nonlinearity. gated: hidden is [M, 2 K], ``silu(gate) * up``; else [M, K], squared ReLU."""
        if gated:
            gate, up = hidden.chunk(2, dim=-1)
            result = (functional.silu(gate.float()) * up.float()).to(hidden.dtype)
        else:
            result = torch.relu(hidden.float()).square().to(hidden.dtype)
        return self.quantize(result) if fp8 else result

    def quantize(self, x):
        """[M, K] -> :class:`Scaled`, the largest of each row at the largest that fits."""
        wide = x.float()
        scales = wide.abs().amax(dim=-1, keepdim=True).clamp_min(1e-12) / FP8_LARGEST
        return Scaled((wide / scales).clamp(-FP8_LARGEST, FP8_LARGEST).to(FP8), scales)

    def norm_silu(self, x, gamma, front):
        """The autoencoder's norm over channels, and SiLU, behind `front` zero frames. x: [B, C, T, H, W]; gamma: [C].

        Wan's norm divides by the Euclidean length and multiplies by sqrt(C) and gamma.
        """
        wide = functional.normalize(x.float(), dim=1) * (x.shape[1] ** 0.5) * gamma.float().view(1, -1, 1, 1, 1)
        return functional.pad(functional.silu(wide).to(x.dtype), (0, 0, 0, 0, front, 0))


def _rms(wide: torch.Tensor, weight: torch.Tensor, eps: float) -> torch.Tensor:
    return wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + eps) * weight.float()


def _rotate(wide: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    half = wide.shape[-1] // 2
    return wide * cos + torch.cat((-wide[..., half:], wide[..., :half]), dim=-1) * sin
