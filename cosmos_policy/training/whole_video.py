"""The autoencoder over whole clips, with gradients.

diffusers goes four frames at a time with a cache for every convolution; the engine's walk over the same modules takes a
whole clip, which makes fewer and larger kernels. Same numbers.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor
from torch.nn import functional

from cosmos_policy.engine.causal_video import Segment, decode_segment, encode_segment
from cosmos_policy.engine.operations import Operations, PlainOperations


class OrderedOperations(PlainOperations):
    """Norm and SiLU with channels last in memory, as tensor cores want the convolutions' inputs, in one kernel."""

    name = "torch.compile"

    def __init__(self) -> None:
        self._norm_silu = torch.compile(_norm_silu_channels_last, dynamic=True)

    def norm_silu(self, x: Tensor, gamma: Tensor, front: int) -> Tensor:
        return self._norm_silu(x.permute(0, 2, 3, 4, 1), gamma, front).permute(0, 4, 1, 2, 3)


def _norm_silu_channels_last(x: Tensor, gamma: Tensor, front: int) -> Tensor:
    """``PlainOperations.norm_silu`` of [B, T, H, W, C]."""
    wide = functional.normalize(x.float(), dim=-1) * (x.shape[-1] ** 0.5) * gamma.float()
    return functional.pad(functional.silu(wide).to(x.dtype), (0, 0, 0, 0, 0, 0, front, 0))


PLAIN = PlainOperations()


def operations_for(autoencoder: AutoencoderKLWan, compiled: bool) -> Operations:
    """What whole clips go through. compiled: with torch.compile, and on a GPU with the kernels of convolutions, in
    place, in the memory order that tensor cores want."""
    if not compiled:
        return PLAIN
    for parameter in autoencoder.parameters():
        if parameter.is_cuda and parameter.ndim in (4, 5):
            order = torch.channels_last if parameter.ndim == 4 else torch.channels_last_3d
            parameter.data = parameter.data.contiguous(memory_format=order)
    return OrderedOperations()


def encode_whole(
    autoencoder: AutoencoderKLWan, pixels: Tensor, operations: Operations = PLAIN
) -> DiagonalGaussianDistribution:
    """float [B, 3, 1 + 4 n, H, W] in -1..1 -> the posterior of latents [B, C, 1 + n, H / 16, W / 16], as ``encode``."""
    x = _ordered(patchify(pixels, autoencoder.config.patch_size or 1))
    latents = encode_segment(autoencoder.encoder, x, Segment(operations))
    return DiagonalGaussianDistribution(autoencoder.quant_conv(latents))


def decode_whole(autoencoder: AutoencoderKLWan, latents: Tensor, operations: Operations = PLAIN) -> Tensor:
    """Latents as :func:`encode_whole` gives them -> pixels [B, 3, 1 + 4 n, H, W], not clamped."""
    z = _ordered(autoencoder.post_quant_conv(latents))
    return unpatchify(decode_segment(autoencoder.decoder, z, Segment(operations)), autoencoder.config.patch_size or 1)


def _ordered(x: Tensor) -> Tensor:
    """In the memory order that tensor cores want."""
    return x.contiguous(memory_format=torch.channels_last_3d) if x.is_cuda else x
