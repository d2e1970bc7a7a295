"""The study as a page of Markdown: its figures, and in words only what their intervals allow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from sim_eval.reports.headline import short


def write_page(path: Path, found: Mapping[str, Any]) -> None:
    """Writes the page of a study's figures (the content of ``study.json``)."""
    path.write_text("\n\n".join(_parts(found)) + "\n", encoding="utf-8")


def _parts(found: Mapping[str, Any]) -> list[str]:
    rows, episodes = found["variants"], found["episodes"]
    parts = [
        f"{len(rows)} variants of `{found['checkpoint']}`; {', '.join(found['tasks'])}: {episodes} scenes each, seeds "
        f"{found['first_seed']} to {found['first_seed'] + episodes - 1}, in physics and in imagination; replay of "
        f"{found['dataset']}. Success rates with Wilson's 95 % interval.",
        _table(rows),
        _correlations(found["predictors"]),
        verdict(found["predictors"], rows),
    ]
    counts = found["agreement"]
    both = counts["done_in_imagination_done_in_physics"] + counts["not_done_in_imagination_not_done_in_physics"]
    parts.append(
        f"Scene by scene, over all variants: imagination and physics ended alike in {both} of {sum(counts.values())}; "
        f"{counts['done_in_imagination_not_done_in_physics']} were done in imagination alone, "
        f"{counts['not_done_in_imagination_done_in_physics']} in physics alone."
    )
    judges = list(dict.fromkeys(said for row in rows for said in row["judges"]))
    parts += [f"The judge of imagined episodes: {said}." for said in judges]
    return parts


def _table(rows: list[Mapping[str, Any]]) -> str:
    metrics = rows[0]["replay"]
    head = ["variant", *(_titled(facts) for facts in metrics.values()), "imagined", "physics"]
    lines = [_line(head), _line(["---"] * len(head))]
    for row in rows:
        errors = [short(row["replay"][name]["mean"]) for name in metrics]
        lines.append(_line([row["title"], *errors, _rate(row["imagined"]), _rate(row["physics"])]))
    return "\n".join(lines)


def _correlations(predictors: Mapping[str, Any]) -> str:
    lines = [_line(["predictor", "Spearman", "Kendall", "probability if unrelated"]), _line(["---"] * 4)]
    for facts in predictors.values():
        if facts["spearman"] is None:
            lines.append(_line([facts["title"], "none: nothing varies", "", ""]))
            continue
        cells = [
            f"{facts[kind]['value']:+.2f} ({facts[kind]['interval'][0]:+.2f} to {facts[kind]['interval'][1]:+.2f})"
            for kind in ("spearman", "kendall")
        ]
        lines.append(_line([facts["title"], *cells, f"{facts['spearman']['probability_if_unrelated']:.3f}"]))
    return "\n".join(lines)


def verdict(predictors: Mapping[str, Any], rows: list[Mapping[str, Any]]) -> str:
    """What holds: a predictor holds where the interval of Spearman's rho leaves zero out on the right side."""
    rates = [row["physics"]["success_rate"] for row in rows]
    if max(rates) == min(rates):
        return (
            f"All variants succeed equally often in physics ({100 * rates[0]:.0f} %): nothing can be said about what "
            "predicts success."
        )
    holds = [
        facts["title"] for facts in predictors.values() if facts["spearman"] and facts["spearman"]["interval"][0] > 0
    ]
    misleads = [
        facts["title"] for facts in predictors.values() if facts["spearman"] and facts["spearman"]["interval"][1] < 0
    ]
    open_ones = [facts["title"] for facts in predictors.values() if facts["title"] not in (*holds, *misleads)]
    said = [
        f"Better in {_list(holds)} went with more success in physics."
        if holds
        else "No predictor can be relied on here.",
        f"Misleading: {_list(misleads)}." if misleads else "",
        f"Not decided by {len(rows)} variants: {_list(open_ones)}." if open_ones else "",
    ]
    return " ".join(sentence for sentence in said if sentence)


def _list(names: list[str]) -> str:
    return ", ".join(f"“{name}”" for name in names)


def _titled(facts: Mapping[str, Any]) -> str:
    return facts["title"] if facts["unit"] == "1" else f"{facts['title']}, {facts['unit']}"


def _rate(facts: Mapping[str, Any]) -> str:
    low, high = (100 * bound for bound in facts["success_interval"])
    return f"{facts['successes']} of {facts['episodes']} ({low:.0f} to {high:.0f} %)"


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"
