"""Spread against error over a run's windows, from ``results.jsonl`` alone."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim_eval.metrics.actions import Metric
from sim_eval.results.records import Record
from sim_eval.results.rounding import rounded

#: Windows that a rank correlation is worth something with.
FEWEST_WINDOWS = 4


def calibration(records: Sequence[Record], metrics: Sequence[Metric]) -> dict[str, Any]:
    """How well the samples' spread tells their error, JSON values.

    "metrics": name -> mean error (sample against recording), mean spread (sample against sample), their ratio, and
    Spearman's rank correlation of the two over windows (None with fewer than four). A calibrated sampler has a ratio of
    1, below it is too sure. "covered": the share of recorded numbers that lie between the lowest and highest sample;
    "covered_if_calibrated": (K - 1) / (K + 1) for K samples.
    """
    inside, number = 0, 0
    for record in records:
        samples, recorded = np.array(record["samples"]), np.array(record["recorded"])
        covered = (samples.min(axis=0) <= recorded) & (recorded <= samples.max(axis=0))
        inside, number = inside + int(covered.sum()), number + covered.size
    samples = len(records[0]["samples"])
    return {
        "samples": samples,
        "covered": rounded(inside / number),
        "covered_if_calibrated": rounded((samples - 1) / (samples + 1)),
        "metrics": {metric.name: _spread_and_error(records, metric) for metric in metrics},
    }


def _spread_and_error(records: Sequence[Record], metric: Metric) -> dict[str, Any]:
    errors = [float(np.mean(record["errors"]["prediction"][metric.name])) for record in records]
    spreads = [float(np.mean(record["spread"][metric.name])) for record in records]
    error, spread = float(np.mean(errors)), float(np.mean(spreads))
    return {
        "title": metric.title,
        "unit": metric.unit,
        "error": rounded(error),
        "spread": rounded(spread),
        "ratio": rounded(spread / error) if error > 0 else None,
        "rank_correlation": _rank_correlation(spreads, errors),
    }


def _rank_correlation(spreads: list[float], errors: list[float]) -> float | None:
    from scipy.stats import ConstantInputWarning, spearmanr

    if len(errors) < FEWEST_WINDOWS:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConstantInputWarning)  # then there is none, and None says so
        found = float(spearmanr(spreads, errors).statistic)
    return rounded(found) if np.isfinite(found) else None
