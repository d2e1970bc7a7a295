"""Two checkpoints on the same windows: paired differences, and what they are worth."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from sim_eval.metrics.bootstrap import percentile_interval, resampling_unit
from sim_eval.results.records import Record, window_values
from sim_eval.results.rounding import rounded
from sim_eval.results.store import ResultStore, write_json
from sim_eval.results.summary import BOOTSTRAP_SEED, CONFIDENCE, NUM_RESAMPLES, metrics_of

COMPARISON_FILE = "comparison.json"
#: Facts of a run that must be equal, for the windows of two runs to be the same questions.
SAME = ("dataset", "instructions", "embodiment", "options")


def compare_runs(folder: Path, other: Path) -> dict[str, Any]:
    """The run in `folder` against the run in `other`, metric by metric, as JSON values.

    A difference is this run's window minus the other's; "better" and "worse" are said only where the bootstrap interval
    of its mean (whole episodes drawn, where there are several) leaves zero out. Raises ``UsageError`` where the two did
    not answer the same questions.
    """
    runs = [_read(one) for one in (folder, other)]
    (mine, my_records), (theirs, their_records) = runs
    require_same_questions(mine, other)
    calls = {}
    for name, facts in mine["calls"].items():
        if name in theirs["calls"]:
            own, others = (
                [record for record in records if record["call"] == name] for records in (my_records, their_records)
            )
            if own and others:
                calls[name] = {"title": facts["title"], "metrics": _compare(own, others, mine)}
    if not calls:
        raise UsageError(f"{folder} and {other} have no call in common to compare.")
    return {
        "this": {"folder": str(folder), "checkpoint": mine["checkpoint_name"], "fingerprint": mine["fingerprint"]},
        "other": {"folder": str(other), "checkpoint": theirs["checkpoint_name"], "fingerprint": theirs["fingerprint"]},
        "intervals": {
            "method": "paired percentile bootstrap",
            "confidence": CONFIDENCE,
            "resamples": NUM_RESAMPLES,
            "seed": BOOTSTRAP_SEED,
        },
        "calls": calls,
    }


def require_same_questions(run: Mapping[str, Any], other: Path) -> None:
    """A ``UsageError`` where the run in `other` did not answer the questions of this one (its ``settings.json``)."""
    theirs, _ = _read(other)
    for fact in SAME:
        _require_same(fact, run["identity"][fact], theirs["identity"][fact], other)


def compare_and_write(folder: Path, other: Path) -> dict[str, Any]:
    """:func:`compare_runs`, kept as ``comparison.json`` in `folder`."""
    found = compare_runs(folder, other)
    write_json(folder / COMPARISON_FILE, found)
    return found


def describe(comparison: Mapping[str, Any]) -> Iterator[str]:
    """A line for each metric: the two means, the difference with its interval, the verdict."""
    for call in comparison["calls"].values():
        yield f"{call['title']}, against {comparison['other']['checkpoint']} ({comparison['other']['folder']}):"
        for facts in call["metrics"].values():
            unit = "" if facts["unit"] == "1" else f" {facts['unit']}"
            interval = facts["difference_interval"]
            span = "" if interval is None else f" [{interval[0]:+.3g}, {interval[1]:+.3g}]"
            yield (
                f"  {facts['title']}: {facts['this_mean']:.3g} against {facts['other_mean']:.3g}{unit}, "
                f"difference {facts['difference']:+.3g}{span}: {facts['verdict']}"
            )


def _read(folder: Path) -> tuple[Mapping[str, Any], list[Record]]:
    store = ResultStore(folder)
    if not (store.settings_path.is_file() and store.results_path.is_file()):
        raise UsageError(f"{folder} holds no replay to compare with; give the --output folder of a finished one.")
    return store.read_settings(), list(store.records())


def _require_same(fact: str, mine: Any, theirs: Any, other: Path) -> None:
    """Normalisers belong to checkpoints and may differ, and so may the order of calls."""
    left_out = {"embodiment": ("normalizer",), "options": ("calls",)}.get(fact, ())
    trimmed = [
        {key: value for key, value in side.items() if key not in left_out} if isinstance(side, Mapping) else side
        for side in (mine, theirs)
    ]
    if trimmed[0] != trimmed[1]:
        different = next((key for key in trimmed[0] if trimmed[0].get(key) != trimmed[1].get(key)), fact)
        raise UsageError(
            f"{other} did not answer the same questions: its {fact} differ ({different}: {trimmed[1].get(different)!r} "
            f"there, {trimmed[0].get(different)!r} here); replay both with the same dataset, episodes, stride and seed."
        )


def _compare(own: Sequence[Record], others: Sequence[Record], run: Mapping[str, Any]) -> dict[str, Any]:
    found = {}
    for metric in metrics_of(own, run):
        mine, theirs = (window_values(records, "prediction", metric.name) for records in (own, others))
        shared = [key for key in mine if key in theirs]
        differences = [mine[key] - theirs[key] for key in shared]
        episodes = [episode for episode, _ in shared]
        interval = percentile_interval(differences, episodes, np.mean, CONFIDENCE, NUM_RESAMPLES, BOOTSTRAP_SEED)
        found[metric.name] = {
            "title": metric.title,
            "unit": metric.unit,
            "scope": metric.scope,
            "higher_is_better": metric.higher_is_better,
            "windows": len(shared),
            "this_mean": rounded(np.mean([mine[key] for key in shared])),
            "other_mean": rounded(np.mean([theirs[key] for key in shared])),
            "difference": rounded(np.mean(differences)),
            "difference_interval": None if interval is None else [rounded(interval.low), rounded(interval.high)],
            "resampled": resampling_unit(episodes),
            "verdict": _verdict(interval, metric.higher_is_better),
        }
    return found


def _verdict(interval: Any, higher_is_better: bool) -> str:
    if interval is None:
        return "too few windows"
    if interval.low <= 0 <= interval.high:
        return "no clear difference"
    return "better" if (interval.low > 0) == higher_is_better else "worse"
