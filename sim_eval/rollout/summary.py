"""From result records to the figures that are reported. Nothing enters but ``settings.json`` and ``results.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

CONFIDENCE = 0.95


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a success rate (Wilson 1927), by scipy."""
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def summarise(run: Mapping[str, Any], records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """All figures of a run, as JSON values."""
    successes = [record for record in records if record["success"]]
    low, high = wilson_interval(len(successes), len(records))
    chunks = [timing for record in records for timing in record["timing_ms"]]
    stages = chunks[0] if chunks else {}
    return {
        "task": run["settings"]["task"],
        "embodiment": run["settings"]["embodiment"],
        "checkpoint": {"name": run["checkpoint_name"], **run["identity"]["checkpoint"]},
        "instruction": run["identity"]["instruction"],
        "execution": run["execution"],
        "fingerprint": run["fingerprint"],
        "warnings": list(run["warnings"]),
        "episodes": len(records),
        "successes": len(successes),
        "success_rate": _rounded(len(successes) / len(records)),
        "success_interval": [_rounded(low), _rounded(high)],
        "interval": {"method": "Wilson score", "confidence": CONFIDENCE},
        "time_to_success_s": _quantiles([record["time_s"] for record in successes]),
        "chunks": len(chunks),
        "chunk_ms": {stage: _quantiles([timing[stage] for timing in chunks]) for stage in stages},
    }


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": _rounded(np.median(values)), "p90": _rounded(np.quantile(values, 0.9))}


def _rounded(value: float) -> float:
    """Six significant digits: more than any figure here is worth, and the same text on every machine."""
    return float(f"{float(value):.6g}")
