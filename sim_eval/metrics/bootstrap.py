"""Percentile bootstrap intervals that know which samples belong together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Interval:
    """A bootstrap interval. low and high are in the unit of the samples; resampled says what was drawn."""

    low: float
    high: float
    resampled: str


def resampling_unit(groups: Sequence[int]) -> str:
    """What is drawn: "episodes" where there are at least two of them, else "windows"."""
    return "episodes" if len(set(groups)) > 1 else "windows"


def percentile_interval(
    values: Sequence[float],
    groups: Sequence[int],
    statistic: Callable[..., Any] = np.mean,
    confidence: float = 0.95,
    num_resamples: int = 2000,
    seed: int = 0,
) -> Interval | None:
    """Percentile bootstrap interval of a statistic (Efron and Tibshirani 1993, chapter 13).

    values: one number a window. groups: the episode of each window. Windows of one episode resemble each other, so
    whole episodes are drawn where there are several; with a single episode its windows are drawn, and the interval is
    then too narrow for anything but that episode. statistic: of an array, and along an `axis` of one.
    Returns None where there are fewer than two things to draw from.
    """
    samples, owners = np.asarray(values, dtype=np.float64), np.asarray(groups)
    if samples.ndim != 1 or samples.shape != owners.shape:
        raise ValueError(
            f"values {list(samples.shape)} and groups {list(owners.shape)} must be two lists of one length."
        )
    if not np.isfinite(samples).all():
        raise ValueError("values must be finite numbers.")
    unit = resampling_unit(groups)
    clusters = [samples[owners == owner] for owner in np.unique(owners)] if unit == "episodes" else samples
    if len(clusters) < 2:
        return None
    generator = np.random.default_rng(seed)
    draws = generator.integers(len(clusters), size=(num_resamples, len(clusters)))
    if unit == "windows":
        estimates = statistic(samples[draws], axis=1)
    else:
        # Few episodes give few different draws: each is computed once.
        distinct, which = np.unique(np.sort(draws, axis=1), axis=0, return_inverse=True)
        values_of = [statistic(np.concatenate([clusters[index] for index in draw])) for draw in distinct]
        estimates = np.array(values_of)[which.reshape(-1)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(estimates, [tail, 1 - tail])
    return Interval(float(low), float(high), unit)
