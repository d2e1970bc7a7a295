"""Smoothness of a run's policy chunks, from ``results.jsonl`` alone: jerk within them, and the jumps between them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from sim_eval.metrics.smoothness import jerk, seam
from sim_eval.results.records import Record
from sim_eval.results.rounding import rounded


def smoothness(records: Sequence[Record], embodiment: Any) -> dict[str, Any]:
    """quantity -> predicted and recorded figures (median, p90, over windows), JSON values.

    "jerk": of every window. "seams": where a window's successor in its episode takes over while it still has actions:
    each chunk runs from where the robot really was, as it does in a replay. The recorded seam is that of the recorded
    actions at the same place: an ordinary step.
    """
    return {"jerk": _figures(_jerks(records, embodiment)), "seams": _figures(_seams(records, embodiment))}


def _jerks(records: Sequence[Record], embodiment: Any) -> dict[str, list[dict[str, float]]]:
    return {
        source: [jerk(embodiment, np.array(record[source]), _state(record)) for record in records]
        for source in ("predicted", "recorded")
    }


def _seams(records: Sequence[Record], embodiment: Any) -> dict[str, list[dict[str, float]]]:
    found: dict[str, list[dict[str, float]]] = {"predicted": [], "recorded": []}
    for episode in dict.fromkeys(record["episode"] for record in records):
        own = sorted((record for record in records if record["episode"] == episode), key=lambda one: one["start"])
        for earlier, later in itertools.pairwise(own):
            executed = later["start"] - earlier["start"]
            if executed > earlier["horizon"]:
                continue
            for source, jumps in found.items():
                pair = ((np.array(one[source]), _state(one)) for one in (earlier, later))
                jumps.append(seam(embodiment, *pair, executed))
    return found


def _figures(values: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    names = dict.fromkeys(name for rows in values.values() for row in rows for name in row)
    return {
        name: {
            source: {
                "number": len(rows),
                "median": rounded(np.median([row[name] for row in rows])),
                "p90": rounded(np.quantile([row[name] for row in rows], 0.9)),
            }
            for source, rows in values.items()
        }
        for name in names
    }


def _state(record: Record) -> dict[str, np.ndarray]:
    return {name: np.array(value) for name, value in record["state"].items()}
