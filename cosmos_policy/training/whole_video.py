"""The autoencoder over whole clips, with gradients.

diffusers goes four frames at a time with a cache for every convolution; the engine's walk over the same modules takes a
whole clip, which makes fewer and larger kernels and one graph that torch.compile can take in. Same numbers.
"""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution
from torch import Tensor

from cosmos_policy.engine.causal_video import Segment, decode_segment, encode_segment
from cosmos_policy.engine.operations import PlainOperations


def encode_whole(autoencoder: AutoencoderKLWan, pixels: Tensor) -> DiagonalGaussianDistribution:
    """float [B, 3, 1 + 4 n, H, W] in -1..1 -> the posterior of latents [B, C, 1 + n, H / 16, W / 16], as ``encode``."""
    x = _ordered(patchify(pixels, autoencoder.config.patch_size or 1))
    return DiagonalGaussianDistribution(autoencoder.quant_conv(encode_segment(autoencoder.encoder, x, _whole())))


def decode_whole(autoencoder: AutoencoderKLWan, latents: Tensor) -> Tensor:
    """Latents as :func:`encode_whole` gives them -> pixels [B, 3, 1 + 4 n, H, W], not clamped."""
    z = _ordered(autoencoder.post_quant_conv(latents))
    return unpatchify(decode_segment(autoencoder.decoder, z, _whole()), autoencoder.config.patch_size or 1)


def _whole() -> Segment:
    return Segment(PlainOperations())


def _ordered(x: Tensor) -> Tensor:
    """In the memory order that tensor cores want."""
    return x.contiguous(memory_format=torch.channels_last_3d) if x.is_cuda else x
