"""Noise levels that are trained: drawn from a distribution, then moved towards noise by the schedule's shift.

Source: cosmos-framework, rectified-flow training (`train_time_video_distribution`, `shift`): "waver" with shift 3 at
tier 256, 5 at 480, 10 above; the formula of "waver" is mode sampling with s = 1.29 (Waver, 2025; Esser et al., 2024).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from cosmos_policy.training.settings import TimeSettings

SHIFT_OF_TIER = {256: 3.0, 480: 5.0}
SHIFT_ABOVE = 10.0
MODE_SCALE = 1.29


def _uniform(uniform: Tensor, settings: TimeSettings) -> Tensor:
    return uniform


def _logit_normal(uniform: Tensor, settings: TimeSettings) -> Tensor:
    # Away from 0 and 1, where the inverse of the normal distribution is infinite.
    normal = torch.special.ndtri(uniform.double().clamp(1e-7, 1 - 1e-7)).to(uniform.dtype)
    return torch.sigmoid(settings.mean + settings.deviation * normal)


def _waver(uniform: Tensor, settings: TimeSettings) -> Tensor:
    return 1 - uniform - MODE_SCALE * (torch.cos(math.pi / 2 * uniform) ** 2 - 1 + uniform)


#: name -> what turns uniform numbers into noise levels before the shift
DISTRIBUTIONS: Mapping[str, Callable[[Tensor, TimeSettings], Tensor]] = {
    "uniform": _uniform,
    "logit_normal": _logit_normal,
    "waver": _waver,
}


def shift_for(settings: TimeSettings, tier: int) -> float:
    """The schedule's shift: as set, or the one that belongs to the canvas tier."""
    return settings.shift if settings.shift is not None else SHIFT_OF_TIER.get(tier, SHIFT_ABOVE)


def shifted(times: Tensor, shift: float | Tensor) -> Tensor:
    """sigma -> shift sigma / (1 + (shift - 1) sigma): more of the noisy end where shift > 1."""
    return shift * times / (1 + (shift - 1) * times)


def draw_times(uniform: Tensor, shift: float | Tensor, settings: TimeSettings) -> Tensor:
    """Noise levels in 0..1, one for each of `uniform`'s numbers in 0..1."""
    return shifted(DISTRIBUTIONS[settings.distribution](uniform, settings), shift).clamp(0.0, 1.0)
