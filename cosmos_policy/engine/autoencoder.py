"""Pixels to latents and back: only the frames that are read, as few and as large passes as memory allows."""

from __future__ import annotations

from collections.abc import Iterator
from functools import wraps
from itertools import pairwise

import numpy as np
import torch
from diffusers import AutoencoderKLWan
from diffusers.models.autoencoders.autoencoder_kl_wan import patchify, unpatchify

from cosmos_policy.engine.causal_video import Segment, decode_segment, encode_segment
from cosmos_policy.engine.graphs import Graphs
from cosmos_policy.engine.operations import Operations
from cosmos_policy.engine.request import Rest
from cosmos_policy.errors import UsageError

#: numbers that a pass holds for every pixel of video: the widest activation of Wan 2.2's decoder has 512 numbers for
#: every 2 x 2 pixels, and about six of that size live at once
NUMBERS_PER_PIXEL = 512 // 4 * 6


#: with rests in between, parts of a clip are so many times smaller: shorter than a denoising step of the same video
RESTING = 4
#: frame sizes whose encoding is recorded
KEPT_GRAPHS = 4


def _measured_kernels(method):
    """cuDNN times its kernels on a shape's first call and keeps the fastest: a bounded set of shapes comes here."""

    @wraps(method)
    def timed(self, *arguments):
        tf32 = torch.backends.cudnn.allow_tf32
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=tf32):
            return method(self, *arguments)

    return timed


class Autoencoder:
    """`vae`: diffusers' autoencoder, on its device. memory_bytes: what one pass may use for activations."""

    def __init__(self, vae: AutoencoderKLWan, operations: Operations, memory_bytes: int):
        if not vae.config.is_residual:
            raise UsageError(
                "The native engine knows Wan 2.2's residual autoencoder, which every Cosmos 3 checkpoint has; "
                'run this one with engine="diffusers".'
            )
        self.vae, self._operations = vae, operations
        self._pixels = memory_bytes // (NUMBERS_PER_PIXEL * vae.dtype.itemsize)
        shape = (1, -1, 1, 1, 1)
        like = {"dtype": vae.dtype, "device": vae.device}
        self._graphs = Graphs(vae.device, KEPT_GRAPHS)
        self._mean = torch.tensor(vae.config.latents_mean, dtype=vae.dtype).view(shape).to(**like)
        self._inverse_std = (1.0 / torch.tensor(vae.config.latents_std, dtype=vae.dtype)).view(shape).to(**like)
        if vae.device.type == "cuda":
            _channels_last(vae)

    @_measured_kernels
    @torch.no_grad()
    def encode(self, frames: np.ndarray, rest: Rest | None = None) -> torch.Tensor:
        """uint8 [B, 1 + 4 n, H, W, 3] -> float32 normalised latents [B, C, 1 + n, H / 16, W / 16].

        rest: called between parts of a clip, which are shorter then.
        """
        pixels = torch.from_numpy(np.ascontiguousarray(frames))
        if self.vae.device.type == "cuda":
            pixels = pixels.pin_memory()
        pixels = pixels.to(self.vae.device, non_blocking=True)
        if pixels.shape[:2] == (1, 1):  # what every action waits for: too short to launch kernel by kernel
            return self._graphs.run(pixels.shape, self._encode, pixels)
        return self._encode(pixels, rest)

    def _encode(self, pixels: torch.Tensor, rest: Rest | None = None) -> torch.Tensor:
        # float32 first, as diffusers' pipeline does, then the autoencoder's own dtype
        x = (pixels.permute(0, 4, 1, 2, 3).float() / 127.5 - 1.0).to(self.vae.dtype)
        x = patchify(x, self.vae.config.patch_size or 1)
        parts = []
        for start, stop, segment in self._segments(pixels.shape[0], *pixels.shape[2:4], pixels.shape[1], 4, rest):
            parts.append(encode_segment(self.vae.encoder, self._fast(x[:, :, start:stop]), segment))
        moments = self.vae.quant_conv(torch.cat(parts, dim=2))
        return ((moments.chunk(2, dim=1)[0] - self._mean) * self._inverse_std).float()

    @_measured_kernels
    @torch.no_grad()
    def decode(self, latents: torch.Tensor, rest: Rest | None = None) -> torch.Tensor:
        """Normalised latents [B, C, 1 + n, h, w] -> uint8 [B, 1 + 4 n, 16 h, 16 w, 3], on the device. rest: as in
        :meth:`encode`."""
        z = latents.to(self.vae.dtype) / self._inverse_std + self._mean
        z = self.vae.post_quant_conv(z)
        parts = []
        cell = self.vae.config.scale_factor_spatial
        height, width = z.shape[3] * cell, z.shape[4] * cell
        for start, stop, segment in self._segments(z.shape[0], height, width, z.shape[2], 1, rest):
            decoded = decode_segment(self.vae.decoder, self._fast(z[:, :, start:stop]), segment)
            parts.append(_to_bytes(unpatchify(decoded, self.vae.config.patch_size or 1)))
        return torch.cat(parts, dim=1)

    def _segments(
        self, batch: int, height: int, width: int, frames: int, stride: int, rest: Rest | None
    ) -> Iterator[tuple[int, int, Segment]]:
        """(start, stop, segment) over `frames` of `height` x `width` pixels, as many at a time as memory allows.

        stride: frames that make one latent frame: 4 while encoding (but the first is alone), 1 while decoding.
        """
        pixels = self._pixels if rest is None else self._pixels // RESTING
        latent_frames = max(pixels // (4 * batch * height * width), 1)
        cuts = [0, *range(1 + stride * (latent_frames - 1) or 1, frames, stride * latent_frames), frames]
        segment = Segment(self._operations)
        for start, stop in pairwise(cuts):
            if rest is not None and start > 0:
                if self.vae.device.type == "cuda":
                    torch.cuda.current_stream(self.vae.device).synchronize()
                rest()
            segment.first, segment.last = start == 0, stop == frames
            yield start, stop, segment

    def _fast(self, x: torch.Tensor) -> torch.Tensor:
        """In the memory order that tensor cores want."""
        return x.contiguous(memory_format=torch.channels_last_3d) if x.is_cuda else x


def _channels_last(network: torch.nn.Module) -> None:
    """Convolution weights in the memory order that tensor cores want."""
    orders = {5: torch.channels_last_3d, 4: torch.channels_last}
    for module in network.modules():
        if isinstance(module, (torch.nn.Conv2d, torch.nn.Conv3d)):
            module.weight.data = module.weight.data.contiguous(memory_format=orders[module.weight.ndim])


def _to_bytes(pixels: torch.Tensor) -> torch.Tensor:
    """[B, 3, T, H, W] in [-1, 1] -> uint8 [B, T, H, W, 3]; rounded as diffusers' pipeline rounds."""
    unit = (pixels.float().clamp(-1, 1) / 2 + 0.5).clamp(0, 1)
    return (unit * 255).round().to(torch.uint8).permute(0, 2, 3, 4, 1)
