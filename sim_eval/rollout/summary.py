"""From result records to the figures that are reported. Nothing enters but ``settings.json`` and ``results.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim_eval.rollout.settings import RECORDED

CONFIDENCE = 0.95
Record = Mapping[str, Any]


def wilson_interval(successes: int, trials: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a success rate (Wilson 1927), by scipy."""
    from scipy.stats import binomtest

    found = binomtest(successes, trials).proportion_ci(confidence, method="wilson")
    return float(found.low), float(found.high)


def summarise(run: Mapping[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    """All figures of a run, as JSON values. "tasks": the same figures of each task alone."""
    chunks = [timing for record in records for timing in record["timing_ms"]]
    stages = chunks[0] if chunks else {}
    by_task = group_by_task(records)
    summary = {
        "task": ", ".join(by_task),
        "embodiment": run["settings"]["embodiment"],
        "checkpoint": {"name": run["checkpoint_name"], **run["identity"]["checkpoint"]},
        "instruction": "; ".join(dict.fromkeys(record["instruction"] for record in records)),
        "execution": run["execution"],
        "fingerprint": run["fingerprint"],
        "warnings": list(run["warnings"]),
        **_successes(records),
        "interval": {"method": "Wilson score", "confidence": CONFIDENCE},
        "tasks": {task: {"instruction": own[0]["instruction"], **_successes(own)} for task, own in by_task.items()},
        "chunks": len(chunks),
        "chunk_ms": {stage: _quantiles([timing[stage] for timing in chunks]) for stage in stages},
    }
    if run["identity"]["imaginer"] is not None:
        summary["imagination"] = {
            "checkpoint": {"name": run["imaginer_name"], **run["identity"]["imaginer"]},
            "judges": _judges(records),
            "stopped_steps": sum(record["stopped_steps"] for record in records),
            "steps": sum(record["steps"] for record in records),
            "drift": {name: _quantiles([record["drift"][name] for record in records]) for name in records[0]["drift"]},
        }
    return summary


def group_by_task(records: Sequence[Record]) -> dict[str, list[Record]]:
    """Task -> its records; episodes that began from a recording are told apart by what was said."""
    found: dict[str, list[Record]] = {}
    for record in records:
        task = record["instruction"] if record["task"] == RECORDED else record["task"]
        found.setdefault(task, []).append(record)
    return found


def _successes(records: Sequence[Record]) -> dict[str, Any]:
    successes = [record for record in records if record["success"]]
    low, high = wilson_interval(len(successes), len(records))
    return {
        "episodes": len(records),
        "successes": len(successes),
        "success_rate": _rounded(len(successes) / len(records)),
        "success_interval": [_rounded(low), _rounded(high)],
        "time_to_success_s": _quantiles([record["time_s"] for record in successes]),
    }


def _judges(records: Sequence[Record]) -> list[str]:
    """What is known of the judges that called these episodes successes, a sentence each."""
    said = (facts["judge"] for record in records for facts in record["verdicts"].values() if "judge" in facts)
    return list(dict.fromkeys(said))


def _quantiles(values: Sequence[float]) -> dict[str, float] | None:
    if not values:
        return None
    return {"median": _rounded(np.median(values)), "p90": _rounded(np.quantile(values, 0.9))}


def _rounded(value: float) -> float:
    """Six significant digits: more than any figure here is worth, and the same text on every machine."""
    return float(f"{float(value):.6g}")
