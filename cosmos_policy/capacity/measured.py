"""Service times by batch size, as ``cosmos-policy bench --json`` measured them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import NormalDist
from typing import Any

import numpy as np

from cosmos_policy.cli.options import read_json
from cosmos_policy.errors import UsageError

#: Points that stand for a distribution of which only p50 and p99 were told.
POINTS = 200


@dataclass(frozen=True)
class MeasuredService:
    """batches: requests at once -> seconds of the calls that were measured, in rising order. source: what was measured,
    in words.

    Times are drawn from the measured ones; between two measured sizes, from the same place of both, in proportion.
    """

    batches: Mapping[int, Sequence[float]]
    source: str

    def __post_init__(self) -> None:
        """Refuse what no measurement can have said."""
        for size, seconds in self.batches.items():
            if size < 1 or not len(seconds) or not all(0 < each < math.inf for each in seconds):
                raise UsageError(f"A batch of {size} has times that are none; expected seconds above 0.")
        if 1 not in self.batches:
            raise UsageError("No batch of 1 was measured: run cosmos-policy bench with --batch 1,2,4,8.")

    @property
    def largest(self) -> int:
        """Requests of the largest batch that was measured."""
        return max(self.batches)

    def quantile_s(self, size: int, share: float) -> float:
        """Seconds within which `share` of the batches of `size` are computed."""
        if size > self.largest:
            raise UsageError(
                f"A batch of {size} was not measured (the largest is {self.largest}): measure it with cosmos-policy "
                "bench --batch, or allow smaller batches with --max-batch."
            )
        low = max(known for known in self.batches if known <= size)
        high = min(known for known in self.batches if known >= size)
        less, more = (_quantile(self.batches[known], share) for known in (low, high))
        return less if low == high else less + (size - low) / (high - low) * (more - less)

    def median_s(self, size: int) -> float:
        """Seconds that a batch of `size` takes."""
        return self.quantile_s(size, 0.5)

    def draw_s(self, size: int, random: Random) -> float:
        """Seconds that one batch of `size` takes."""
        return self.quantile_s(size, random.random())

    def best_per_request_s(self, most: int) -> float:
        """Seconds of a GPU that a request costs in the batch, of at most `most`, that is best for throughput."""
        return min(self.median_s(size) / size for size in range(1, most + 1))


def lognormal_points(median_s: float, p99_s: float) -> tuple[float, ...]:
    """What stands for times of which these two are all that is known: a log-normal through both, in rising order."""
    sigma = max(0.0, math.log(p99_s / median_s)) / NormalDist().inv_cdf(0.99)
    return tuple(median_s * math.exp(sigma * NormalDist().inv_cdf((n + 0.5) / POINTS)) for n in range(POINTS))


def read_measured(path: Path, call: str = "policy") -> MeasuredService:
    """The native engine's times of `call` in a file of ``cosmos-policy bench --json``.

    Where a batch size stands there twice (bf16 and fp8), the first is taken. Raises :class:`UsageError` where the file
    is none of bench's, or does not hold the call.
    """
    content = read_json(path)
    lines = content.get("lines") if isinstance(content, dict) else None
    if not isinstance(lines, list):
        raise UsageError(f"{path} is no measurement: expected what `cosmos-policy bench --batch 1,2,4 --json` prints.")
    batches: dict[int, tuple[float, ...]] = {}
    for line in lines:
        case, engine, size, seconds = _line(line, path)
        if case == call and engine.startswith("native"):
            batches.setdefault(size, seconds)
    if not batches:
        cases = sorted({_line(line, path)[0] for line in lines})
        raise UsageError(f"{path} measures {', '.join(cases) or 'nothing'} of the native engine, and not {call}.")
    where = f"{content.get('device', 'an unknown device')}, {content.get('dtype', '?')}"
    return MeasuredService(dict(sorted(batches.items())), f"{call} on {where} ({path.name})")


def _line(line: Any, path: Path) -> tuple[str, str, int, tuple[float, ...]]:
    """(case, engine, batch, seconds in rising order)"""
    try:
        measurement = line["measurement"]
        known = (str(line["case"]), str(measurement["engine"]), int(measurement["batch"]))
        calls = sorted(float(each) / 1e3 for each in measurement.get("total_ms") or ())
        if not calls:
            total = measurement["total"]
            calls = lognormal_points(float(total["p50"]) / 1e3, float(total["p99"]) / 1e3)
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UsageError(f"{path} has a line without case, engine, batch and times: is it bench's?") from None
    return *known, tuple(calls)


def _quantile(rising: Sequence[float], share: float) -> float:
    """As ``numpy.quantile``, for one number and without its cost."""
    place = share * (len(rising) - 1)
    low = int(place)
    high = min(low + 1, len(rising) - 1)
    return rising[low] + (place - low) * (rising[high] - rising[low])


def merged(measured: Sequence[MeasuredService], source: str) -> MeasuredService:
    """Several measurements of one thing as one."""
    sizes = set.intersection(*(set(each.batches) for each in measured))
    calls = {size: np.concatenate([each.batches[size] for each in measured]) for size in sorted(sizes)}
    return MeasuredService({size: tuple(sorted(map(float, every))) for size, every in calls.items()}, source)
