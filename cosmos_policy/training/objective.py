"""Flow matching: noise is mixed in, the network says the velocity, and the error of it is the loss.

x(sigma) = (1 - sigma) x + sigma noise, so the velocity that leads from data to noise is noise - x. Given tokens carry
no noise and no loss.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from cosmos_policy.training.batches import Clean
from cosmos_policy.training.settings import LossSettings
from cosmos_policy.training.stream import NetworkInput


@dataclass(frozen=True)
class Noised:
    """A batch as the network sees it, and the velocities that it should answer; `*_live` as in ``Clean``."""

    network: NetworkInput
    video_velocity: Tensor
    rows_velocity: Tensor
    video_live: Tensor
    rows_live: Tensor


def mix_noise(clean: Clean, times: Tensor, video_noise: Tensor, rows_noise: Tensor) -> Noised:
    """times: [B], sigma. video_noise, rows_noise: standard normal, shaped as the tokens."""
    level = times[:, None, None]
    video_noise, rows_noise = video_noise * clean.video_live, rows_noise * clean.rows_live
    network = replace(
        clean.network,
        video=torch.lerp(clean.video, video_noise, level * clean.video_live),
        rows=torch.lerp(clean.rows, rows_noise, level * clean.rows_live),
        times=times,
    )
    return Noised(network, video_noise - clean.video, rows_noise - clean.rows, clean.video_live, clean.rows_live)


@dataclass(frozen=True)
class Loss:
    """total: what is minimised. video, action: mean squared errors of velocities, model space; NaN-free, 0 where a
    batch has nothing of the kind."""

    total: Tensor
    video: Tensor
    action: Tensor


def velocity_loss(noised: Noised, video: Tensor, rows: Tensor, settings: LossSettings) -> Loss:
    """video, rows: the network's velocities. Means are over the live numbers of the whole batch."""
    video_error = _mean_square(video.float() - noised.video_velocity, noised.video_live)
    rows_error = _mean_square(rows.float() - noised.rows_velocity, noised.rows_live)
    return Loss(settings.video * video_error + settings.action * rows_error, video_error, rows_error)


def _mean_square(error: Tensor, live: Tensor) -> Tensor:
    return (error.square() * live).sum() / live.sum().clamp(min=1.0)
