"""Sizes, rates and lengths that Cosmos 3 generates; anything else is refused with the nearest of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from numbers import Integral, Real

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.inputs.canvas import CANVASES
from cosmos_policy.types import GenerateRequest

TIERS = (256, 480, 720)
ASPECT_RATIOS = ("16:9", "4:3", "1:1", "3:4", "9:16")
FRAME_RATES_HZ = (10, 16, 24, 30)
#: frames of a video; a picture has one
SHORTEST, LONGEST, USUAL = 5, 300, 189

#: (tier, aspect ratio) -> (width, height) in pixels
SIZES: dict[tuple[int, str], tuple[int, int]] = {
    (tier, ratio): CANVASES[tier][ratio.replace(":", ",")][::-1] for tier in TIERS for ratio in ASPECT_RATIOS
}


def choose_size(request: GenerateRequest, default_tier: int) -> tuple[int, int]:
    """(width, height) that `request` asks for."""
    if request.size is not None:
        for name, value in (
            ("aspect_ratio", request.aspect_ratio),
            ("resolution_tier", request.sampling.resolution_tier),
        ):
            if value is not None:
                raise UsageError(f"size and {name} were both given; expected one of them.")
        return _check_size(request.size)
    tier = request.sampling.resolution_tier or default_tier
    if tier not in TIERS:
        raise UsageError(
            f"resolution_tier {tier} is not generated; expected one of {_list(TIERS)} "
            f"(nearest: {_nearest(tier, TIERS)})."
        )
    if request.aspect_ratio is not None:
        if request.aspect_ratio not in ASPECT_RATIOS:
            raise UsageError(
                f"aspect_ratio {str(request.aspect_ratio)[:40]!r} is not generated; expected one of "
                f"{', '.join(ASPECT_RATIOS)}{_nearest_ratio(request.aspect_ratio)}."
            )
        return SIZES[tier, request.aspect_ratio]
    given = _given_picture(request)
    if given is None:
        return SIZES[tier, "16:9"]
    height, width = given.shape[-3:-1]
    return min((SIZES[tier, ratio] for ratio in ASPECT_RATIOS), key=lambda size: _apart(size, (width, height), False))


def check_rate(fps: float) -> float:
    """`fps` where the model knows it."""
    if not isinstance(fps, Real) or isinstance(fps, bool) or fps not in FRAME_RATES_HZ:
        near = f" (nearest: {_nearest(fps, FRAME_RATES_HZ)})" if _is_number(fps) else ""
        raise UsageError(f"fps is {fps!r}; expected one of {_list(FRAME_RATES_HZ)} frames per second{near}.")
    return float(fps)


def check_length(frames: int) -> int:
    """`frames` where the model makes as many."""
    if (
        not isinstance(frames, Integral)
        or isinstance(frames, bool)
        or not (frames == 1 or SHORTEST <= frames <= LONGEST)
    ):
        lengths = (1, *range(SHORTEST, LONGEST + 1))
        near = f" (nearest: {_nearest(frames, lengths)})" if _is_number(frames) else ""
        raise UsageError(
            f"num_frames is {frames!r}; expected 1 for a picture, or {SHORTEST} to {LONGEST} for a video{near}."
        )
    return int(frames)


def _check_size(size: tuple[int, int]) -> tuple[int, int]:
    try:
        width, height = (int(side) for side in size)
    except (TypeError, ValueError):
        raise UsageError(f"size is {size!r}; expected (width, height) in pixels, such as (832, 480).") from None
    if (width, height) not in SIZES.values():
        near = ""
        if width > 0 and height > 0:
            nearest = min(SIZES.values(), key=lambda known: _apart(known, (width, height), True))
            near = f" (nearest: {nearest[0]}x{nearest[1]})"
        known = ", ".join(f"{wide}x{high}" for wide, high in sorted(set(SIZES.values())))
        raise UsageError(f"A size of {width}x{height} is not generated; expected one of {known}{near}.")
    return width, height


def _given_picture(request: GenerateRequest) -> np.ndarray | None:
    controls = list(request.transfer.videos.values()) if request.transfer is not None else []
    given = [each for each in (request.image, request.video, *controls) if each is not None and np.ndim(each) >= 3]
    return np.asarray(given[0]) if given else None


def _apart(size: tuple[int, int], other: tuple[int, int], by_area: bool) -> float:
    """How unlike two sizes are: in shape, and in area where asked."""
    shape = abs(math.log(size[0] / size[1] * other[1] / other[0]))
    return shape + (0.5 * abs(math.log(size[0] * size[1] / (other[0] * other[1]))) if by_area else 0.0)


def _nearest_ratio(text: str) -> str:
    try:
        wide, high = (float(part) for part in str(text).replace(",", ":").replace("/", ":").split(":"))
        asked = math.log(wide / high)
    except (ValueError, ZeroDivisionError):
        return ""
    nearest = min(ASPECT_RATIOS, key=lambda ratio: abs(math.log(SIZES[480, ratio][0] / SIZES[480, ratio][1]) - asked))
    return f" (nearest: {nearest})"


def _is_number(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool) and math.isfinite(value)


def _nearest(value: float, among: Iterable[float]) -> float:
    return min(among, key=lambda known: abs(known - value))


def _list(values: Iterable[object]) -> str:
    return ", ".join(map(str, values))
