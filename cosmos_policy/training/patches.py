"""Latents as tokens and back, batch by batch; the order is that of diffusers' transformer."""

from __future__ import annotations

from torch import Tensor
from torch.nn.functional import pad


def to_tokens(latents: Tensor, patch: int) -> Tensor:
    """[B, C, T, h, w] -> [B, T * patches, patch * patch * C]; where a patch reaches over the edge it holds zeros."""
    height, width = latents.shape[-2:]
    latents = pad(latents, (0, -width % patch, 0, -height % patch))
    cut = latents.unflatten(4, (-1, patch)).unflatten(3, (-1, patch))  # [B, C, T, rows, patch, columns, patch]
    return cut.permute(0, 2, 3, 5, 4, 6, 1).flatten(4).flatten(1, 3)


def to_latents(tokens: Tensor, patch: int, shape: tuple[int, int, int, int]) -> Tensor:
    """The inverse: [B, N, width] -> [B, C, T, h, w]; `shape` is (C, T, h, w)."""
    channels, frames, height, width = shape
    rows, columns = -(-height // patch), -(-width // patch)
    cut = tokens.unflatten(1, (frames, rows, columns)).unflatten(4, (patch, patch, channels))
    whole = cut.permute(0, 6, 1, 2, 4, 3, 5).flatten(5).flatten(3, 4)
    return whole[..., :height, :width]
