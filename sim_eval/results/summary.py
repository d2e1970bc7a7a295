"""From result records to the figures that are reported. Nothing enters but ``settings.json`` and ``results.jsonl``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from sim_eval.metrics.actions import Metric, display_unit, path_errors
from sim_eval.metrics.bootstrap import percentile_interval, resampling_unit
from sim_eval.metrics.images import PSNR_CEILING_DB
from sim_eval.results.calibration import calibration
from sim_eval.results.records import Record, stitched, window_values
from sim_eval.results.rounding import rounded
from sim_eval.results.seams import smoothness

CONFIDENCE = 0.95
NUM_RESAMPLES = 2000
BOOTSTRAP_SEED = 0
LATENCY_PERCENTILES = (90, 99)

IMAGE_METRICS = (
    Metric("psnr_db", "peak signal-to-noise ratio", "dB", "image", higher_is_better=True),
    Metric("ssim", "structural similarity", "1", "image", higher_is_better=True),
)


def summarise(run: Mapping[str, Any], records: Sequence[Record], embodiment: Any) -> dict[str, Any]:
    """All figures of a run, as JSON values.

    run: the content of ``settings.json``. A window counts with the mean over its horizon steps; "mean", "median" and
    "p90" are over windows, each mean and median with its bootstrap interval.
    """
    episodes = [record["episode"] for record in records]
    return {
        "dataset": run["dataset_name"],
        "embodiment": run["identity"]["embodiment"]["name"],
        "checkpoint": {"name": run["checkpoint_name"], **run["identity"]["checkpoint"]},
        "sampling": run["identity"]["sampling"],
        "fingerprint": run["fingerprint"],
        "warnings": list(run["warnings"]),
        "notes": list(run["notes"]),
        "intervals": _describe_intervals(episodes),
        "calls": {
            name: _summarise_call(name, [record for record in records if record["call"] == name], run, embodiment)
            for name in run["calls"]
        },
    }


def _summarise_call(name: str, records: Sequence[Record], run: Mapping[str, Any], embodiment: Any) -> dict[str, Any]:
    summary: dict[str, Any] = {
        "title": run["calls"][name]["title"],
        "lead": run["calls"][name]["lead"],
        "windows": len(records),
        "episodes": len({record["episode"] for record in records}),
    }
    if not records:
        return summary
    images = "autoencoder" in records[0]
    metrics = metrics_of(records, run)
    summary["timing_ms"] = _timing(records)
    summary["metrics"] = {metric.name: _summarise_metric(metric, records) for metric in metrics}
    if images:
        summary["autoencoder"] = {
            metric.name: rounded(np.mean([record["autoencoder"][metric.name] for record in records]))
            for metric in IMAGE_METRICS
        }
        summary["psnr_ceiling_db"] = rounded(PSNR_CEILING_DB)
        summary["unreachable_actions"] = sum(record["unreachable_actions"] for record in records)
        summary["actions"] = sum(record["horizon"] for record in records)
    elif "samples" in records[0]:
        summary["calibration"] = calibration(records, metrics)
    else:
        summary["dimensions"] = _dimensions(records, embodiment)
    if name == "policy":
        summary["smoothness"] = smoothness(records, embodiment)
    if run["calls"][name]["contiguous"]:
        summary["whole_path"] = whole_paths(records, embodiment)
    return summary


def metrics_of(records: Sequence[Record], run: Mapping[str, Any]) -> Sequence[Metric]:
    """What the records of one call measure."""
    return IMAGE_METRICS if "autoencoder" in records[0] else [Metric(**facts) for facts in run["metrics"]]


def _summarise_metric(metric: Metric, records: Sequence[Record]) -> dict[str, Any]:
    """One metric over all windows: per source, against each baseline, and along the horizon."""
    values = {source: window_values(records, source, metric.name) for source in records[0]["errors"]}
    episodes = {(record["episode"], record["start"]): record["episode"] for record in records}
    sources, against = {}, {}
    for source, by_window in values.items():
        sources[source] = _figures(list(by_window.values()), [episodes[key] for key in by_window])
        if source != "prediction" and by_window:
            shared = [key for key in values["prediction"] if key in by_window]
            differences = [values["prediction"][key] - by_window[key] for key in shared]
            figures = _figures(differences, [episodes[key] for key in shared])
            against[source] = {key: figures[key] for key in ("windows", "mean", "mean_interval")}
    return {
        "title": metric.title,
        "unit": metric.unit,
        "scope": metric.scope,
        "higher_is_better": metric.higher_is_better,
        "sources": sources,
        "prediction_minus": against,
        "per_step": {source: _per_step(records, source, metric.name) for source in values},
    }


def _figures(values: list[float], episodes: list[int]) -> dict[str, Any]:
    if not values:
        return {"windows": 0, "mean": None, "mean_interval": None, "median": None, "median_interval": None, "p90": None}
    return {
        "windows": len(values),
        "mean": rounded(np.mean(values)),
        "mean_interval": _interval(values, episodes, np.mean),
        "median": rounded(np.median(values)),
        "median_interval": _interval(values, episodes, np.median),
        "p90": rounded(np.quantile(values, 0.9)),
    }


def _interval(values: list[float], episodes: list[int], statistic: Any) -> list[float] | None:
    found = percentile_interval(values, episodes, statistic, CONFIDENCE, NUM_RESAMPLES, BOOTSTRAP_SEED)
    return None if found is None else [rounded(found.low), rounded(found.high)]


def _per_step(records: Sequence[Record], source: str, metric: str) -> list[float]:
    """The mean over windows at every horizon step."""
    rows = [record["errors"][source][metric] for record in records if record["errors"][source] is not None]
    return [rounded(value) for value in np.mean(rows, axis=0)] if rows else []


def _dimensions(records: Sequence[Record], embodiment: Any) -> dict[str, Any]:
    """Mean absolute error of every action column, in the unit that people read."""
    errors: dict[str, list[float]] = {}
    for source in records[0]["dimension_errors"]:
        rows = [record["dimension_errors"][source] for record in records]
        there = [np.abs(row) for row in rows if row is not None]
        errors[source] = [rounded(value) for value in np.concatenate(there).mean(axis=0)] if there else []
    return {
        "names": list(embodiment.action_names),
        "units": [display_unit(column.kind, column.unit)[1] for column in embodiment.columns],
        "mean_absolute_error": errors,
    }


def whole_paths(records: Sequence[Record], embodiment: Any) -> dict[str, dict[str, Any]]:
    """episode -> drift of the windows' predictions, put end to end and integrated from the episode's start.

    The windows of an episode are taken as long as each begins where the one before it ended.
    """
    found = {}
    for episode in dict.fromkeys(record["episode"] for record in records):
        predicted, recorded, state = stitched(records, episode)
        errors = path_errors(embodiment, predicted, recorded, state)
        found[str(episode)] = {
            "actions": len(predicted),
            "seconds": rounded(len(predicted) / embodiment.fps),
            **{metric.name: rounded(np.mean(values)) for metric, values in errors.items()},
        }
    return found


def _timing(records: Sequence[Record]) -> dict[str, dict[str, float]]:
    stages = dict.fromkeys(stage for record in records for stage in record["timing_ms"])
    values = {
        stage: [record["timing_ms"][stage] for record in records if stage in record["timing_ms"]] for stage in stages
    }
    return {
        stage: {
            "median": rounded(np.median(taken)),
            **{f"p{percent}": rounded(np.quantile(taken, percent / 100)) for percent in LATENCY_PERCENTILES},
            "max": rounded(np.max(taken)),
        }
        for stage, taken in values.items()
    }


def _describe_intervals(episodes: Sequence[int]) -> dict[str, Any]:
    number = len(set(episodes))
    unit = resampling_unit(episodes)
    notes = {
        "windows": "All windows come from one episode and resemble each other: the intervals speak for this episode "
        "alone and are rather too narrow.",
        "episodes": f"Whole episodes were drawn ({number} of them)"
        + ("; with so few the intervals are rough." if number < 10 else "."),
    }
    return {
        "method": "percentile bootstrap",
        "confidence": CONFIDENCE,
        "resamples": NUM_RESAMPLES,
        "seed": BOOTSTRAP_SEED,
        "resampled": unit,
        "note": notes[unit],
    }
