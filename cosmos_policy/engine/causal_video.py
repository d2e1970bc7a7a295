"""Wan 2.2's causal video autoencoder, walked over diffusers' modules in long segments.

diffusers goes four frames at a time (one latent frame) and carries a cache for every convolution. The result does not
depend on where the video is cut, so whole videos can go through at once where they fit: fewer, larger kernels, and no
copies of caches. Zero frames in front of the first one need no arithmetic: a single frame passes through the last
temporal tap of every kernel alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import nn
from torch.nn import functional

from cosmos_policy.engine.operations import Operations

#: frames of the past that a temporal kernel of 3 sees
PAST = 2


@dataclass
class Segment:
    """What passes from one segment of a video to the next. first: whether this one begins the video; last: whether it
    ends it. tails: convolution -> the last input frames of the segment before."""

    operations: Operations
    first: bool = True
    last: bool = True
    tails: dict[nn.Module, torch.Tensor] = field(default_factory=dict)


def encode_segment(encoder: nn.Module, x: torch.Tensor, segment: Segment) -> torch.Tensor:
    """diffusers' ``WanEncoder3d``. x: [B, C, T, H, W]; T is 1 + 4 n at the start of a video, 4 n after it."""
    x = _conv(encoder.conv_in, _with_past(encoder.conv_in, x, segment))
    for block in encoder.down_blocks:
        shortcut = block.avg_shortcut(x)
        for resnet in block.resnets:
            x = _residual(resnet, x, segment)
        if block.downsampler is not None:
            x = _downsample(block.downsampler, x, segment)
        x = x + shortcut
    x = _middle(encoder.mid_block, x, segment)
    return _normed_conv(encoder.norm_out, encoder.conv_out, x, segment)


def decode_segment(decoder: nn.Module, z: torch.Tensor, segment: Segment) -> torch.Tensor:
    """diffusers' ``WanDecoder3d``. z: [B, C, T, H, W], any number of latent frames."""
    x = _conv(decoder.conv_in, _with_past(decoder.conv_in, z, segment))
    x = _middle(decoder.mid_block, x, segment)
    for block in decoder.up_blocks:
        shortcut = x
        for resnet in block.resnets:
            x = _residual(resnet, x, segment)
        if block.upsampler is not None:
            x = _upsample(block.upsampler, x, segment)
        if block.avg_shortcut is not None:
            x = x + block.avg_shortcut(shortcut, first_chunk=segment.first)
    return _normed_conv(decoder.norm_out, decoder.conv_out, x, segment)


def _residual(block, x, segment):
    shortcut = x if isinstance(block.conv_shortcut, nn.Identity) else _conv(block.conv_shortcut, x)
    x = _normed_conv(block.norm1, block.conv1, x, segment)
    return _normed_conv(block.norm2, block.conv2, x, segment) + shortcut


def _middle(block, x, segment):
    x = _residual(block.resnets[0], x, segment)
    for attention, resnet in zip(block.attentions, block.resnets[1:], strict=True):
        x = _residual(resnet, attention(x), segment)
    return x


def _normed_conv(norm, conv, x, segment):
    """Norm, SiLU, causal convolution: the frames of the past are put in front while the norm is written."""
    single = segment.first and segment.last and x.shape[2] == 1
    normed = segment.operations.norm_silu(x, norm.gamma.flatten(), 0 if single else PAST)
    if not single:
        tail = segment.tails.get(conv)
        if tail is not None:
            normed[:, :, :PAST] = tail
        _keep_tail(conv, normed, segment)
    return _conv(conv, normed)


def _with_past(conv, x, segment):
    """x behind the two frames before it: the last segment's, or zeros."""
    if segment.first and segment.last and x.shape[2] == 1:
        return x
    past = segment.tails.get(conv)
    if past is None:
        past = x.new_zeros((*x.shape[:2], PAST, *x.shape[3:]))
    x = torch.cat([past, x], dim=2)
    _keep_tail(conv, x, segment)
    return x


def _keep_tail(conv, x, segment, frames: int = PAST):
    if segment.last:
        segment.tails.pop(conv, None)
    else:
        segment.tails[conv] = x[:, :, -frames:].clone()


def _conv(conv, x):
    """A causal convolution of frames that carry their past; a single frame needs the last temporal tap alone."""
    weight = conv.weight
    if x.shape[2] < weight.shape[2]:
        weight = weight[:, :, -1:]
    width, height = conv._padding[0], conv._padding[2]
    return functional.conv3d(x, weight, conv.bias, conv.stride, (0, height, width))


def _frames(function, x):
    """A two-dimensional module over every frame."""
    batch, _, frames = x.shape[:3]
    y = function(x.transpose(1, 2).flatten(0, 1))
    return y.unflatten(0, (batch, frames)).transpose(1, 2)


def _downsample(resample, x, segment):
    x = _frames(resample.resample, x)
    if resample.mode != "downsample3d":
        return x
    conv = resample.time_conv
    whole = x if segment.first else torch.cat([segment.tails[conv], x], dim=2)
    _keep_tail(conv, x, segment, frames=1)
    if not segment.first:
        return functional.conv3d(whole, conv.weight, conv.bias, conv.stride)
    if x.shape[2] == 1:
        return x
    # The first frame stands alone: nothing before it is averaged in.
    return torch.cat([x[:, :, :1], functional.conv3d(whole, conv.weight, conv.bias, conv.stride)], dim=2)


def _upsample(resample, x, segment):
    if resample.mode == "upsample3d":
        # The first frame is not doubled, and the temporal kernel never sees it: it starts on zeros behind it.
        alone, rest = (x[:, :, :1], x[:, :, 1:]) if segment.first else (None, x)
        if rest.shape[2]:
            conv = resample.time_conv
            doubled = _conv(conv, _with_time_past(conv, rest, segment)).unflatten(1, (2, -1))
            rest = doubled.permute(0, 2, 3, 1, 4, 5).flatten(2, 3)
        x = rest if alone is None else torch.cat([alone, rest], dim=2)
    # Doubling pixels is exact in any number format; diffusers goes through float32 for it.
    conv = resample.resample[1]
    return _frames(lambda y: conv(functional.interpolate(y, scale_factor=2.0, mode="nearest-exact")), x)


def _with_time_past(conv, x, segment):
    past = segment.tails.get(conv)
    if past is None:
        past = x.new_zeros((*x.shape[:2], PAST, *x.shape[3:]))
    x = torch.cat([past, x], dim=2)
    _keep_tail(conv, x, segment)
    return x
