"""Rank correlations over a handful of variants, with what they are worth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from sim_eval.results.rounding import rounded

CONFIDENCE = 0.95
NUM_RESAMPLES = 4000
SEED = 0
#: Below that no interval and no probability is given.
FEWEST = 4
#: A bootstrap sample needs so many different variants to have an order.
FEWEST_DISTINCT = 3


def rank_correlations(predictor: Sequence[float], success: Sequence[float]) -> dict[str, Any]:
    """Spearman's rho and Kendall's tau-b (scipy) of two lists, one number a variant; JSON values.

    Each with the percentile bootstrap interval over variants (samples without an order are left out and counted), and
    with the permutation probability of a correlation at least as far from zero if there were none. None where one of
    the lists does not vary, or there are fewer than four variants.
    """
    from scipy.stats import kendalltau, spearmanr

    first, second = (np.asarray(values, dtype=np.float64) for values in (predictor, success))
    return {
        "variants": len(first),
        "spearman": _with_worth(lambda x, y: spearmanr(x, y).statistic, first, second),
        "kendall": _with_worth(lambda x, y: kendalltau(x, y).statistic, first, second),
    }


def _with_worth(
    statistic: Callable[[np.ndarray, np.ndarray], float], first: np.ndarray, second: np.ndarray
) -> dict[str, Any] | None:
    if len(first) < FEWEST or not (_varies(first) and _varies(second)):
        return None
    from scipy.stats import permutation_test

    found = float(statistic(first, second))
    generator = np.random.default_rng(SEED)
    draws = generator.integers(len(first), size=(NUM_RESAMPLES, len(first)))
    estimates = [
        float(statistic(first[draw], second[draw]))
        for draw in draws
        if len(set(draw)) >= FEWEST_DISTINCT and _varies(first[draw]) and _varies(second[draw])
    ]
    tail = (1 - CONFIDENCE) / 2
    tested = permutation_test(
        (first,),
        lambda shuffled: statistic(shuffled, second),
        permutation_type="pairings",
        n_resamples=NUM_RESAMPLES,
        rng=np.random.default_rng(SEED),
        vectorized=False,
    )
    return {
        "value": rounded(found),
        "interval": [rounded(bound) for bound in np.quantile(estimates, [tail, 1 - tail])],
        "samples_left_out": NUM_RESAMPLES - len(estimates),
        "probability_if_unrelated": rounded(tested.pvalue),
    }


def _varies(values: np.ndarray) -> bool:
    return bool(np.ptp(values) > 0)
