"""The small tables at the top of a report: prediction against baselines, and in words which is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sim_eval.reports.figures import SOURCE_TITLES

HEADLINE_SCOPES = ("action", "end", "image")


def headline_tables(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One table a call: its title, column titles, and rows of cells with a verdict."""
    tables = []
    for name, call in summary["calls"].items():
        metrics = [facts for facts in call.get("metrics", {}).values() if facts["scope"] in HEADLINE_SCOPES]
        if metrics:
            tables.append(
                {
                    "name": name,
                    "title": call["title"],
                    "windows": call["windows"],
                    "episodes": call["episodes"],
                    "sources": {source: SOURCE_TITLES[source] for source in metrics[0]["sources"]},
                    "rows": [_row(facts) for facts in metrics],
                }
            )
    return tables


def _row(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "title": facts["title"],
        "unit": "" if facts["unit"] == "1" else facts["unit"],
        "better": "higher is better" if facts["higher_is_better"] else "lower is better",
        "cells": {source: _cell(figures) for source, figures in facts["sources"].items()},
        "verdict": verdict(facts),
    }


def _cell(figures: Mapping[str, Any]) -> dict[str, str]:
    if figures["mean"] is None:
        return {"mean": "\N{EN DASH}", "interval": ""}
    interval = figures["mean_interval"]
    return {"mean": short(figures["mean"]), "interval": "" if interval is None else _span(interval)}


def verdict(facts: Mapping[str, Any]) -> dict[str, str]:
    """How the prediction stands against the best baseline: "better" or "worse" only where the interval of the
    window-by-window difference leaves zero out."""
    differences = facts["prediction_minus"]
    if not differences:
        return {"kind": "open", "text": "no baseline here"}
    # Compared on the windows that both have: the best baseline is the one that the prediction does worst against.
    sign = -1 if facts["higher_is_better"] else 1
    best = max(differences, key=lambda source: sign * differences[source]["mean"])
    difference = differences[best]
    title, interval = SOURCE_TITLES[best], difference["mean_interval"]
    if interval is None:
        return {"kind": "open", "text": f"too few windows to compare with {title}"}
    if interval[0] <= 0 <= interval[1]:
        return {
            "kind": "open",
            "text": f"no clear difference from {title}: {_signed(difference['mean'])} {_span(interval)}",
        }
    kind = "better" if (difference["mean"] > 0) == facts["higher_is_better"] else "worse"
    return {"kind": kind, "text": f"{kind} than {title} by {short(abs(difference['mean']))}"}


def short(value: float) -> str:
    """Three significant digits without an exponent."""
    if value == 0:
        return "0"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:.{decimals}f}"


def _signed(value: float) -> str:
    sign = "+" if value > 0 else "\N{MINUS SIGN}" if value < 0 else ""
    return f"{sign}{short(abs(value))}"


def _span(interval: list[float]) -> str:
    low, high = (short(bound).replace("-", "\N{MINUS SIGN}") for bound in interval)
    return f"{low} to {high}"
