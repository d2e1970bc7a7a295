"""``report.html``: one file with everything in it, its plots drawn by the Plotly.js that it carries."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim_eval.reports import figures
from sim_eval.reports.headline import headline_tables
from sim_eval.results.records import Record
from sim_eval.results.store import ResultStore

REPORT_FILE = "report.html"
MOST_EPISODES = 20
#: Bytes of video that a page may carry (a third more as base64).
VIDEO_BUDGET_BYTES = 6_500_000


def write_report(
    folder: Path,
    run: Mapping[str, Any],
    records: Sequence[Record],
    summary: Mapping[str, Any],
    embodiment: Any,
    comparison: Mapping[str, Any] | None = None,
) -> Path:
    """Write the page of a finished replay into its folder; returns its path.

    run, records, summary: the contents of ``settings.json``, ``results.jsonl`` and ``summary.json`` in `folder`.
    comparison: that of ``comparison.json``, where the run was held against another.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape
    from plotly.offline import get_plotlyjs

    episodes = list(dict.fromkeys(record["episode"] for record in records))
    shown = episodes[:MOST_EPISODES]
    environment = Environment(loader=PackageLoader("sim_eval.reports"), autoescape=select_autoescape())
    page = environment.get_template("replay.html").render(
        run=run,
        summary=summary,
        tables=headline_tables(summary),
        comparison=comparison,
        plots=_as_script_json(_plots(folder, shown, run, records, summary, embodiment)),
        videos=_as_script_json(_videos(folder, records)),
        num_videos=sum("video" in record for record in records),
        blocks=[block.name for block in embodiment.pose_blocks],
        episodes=shown,
        num_episodes=len(episodes),
        instructions=run["identity"]["instructions"],
        plotly_js=get_plotlyjs(),
    )
    path = folder / REPORT_FILE
    path.write_text(page, encoding="utf-8")
    return path


def _plots(
    folder: Path,
    episodes: Sequence[int],
    run: Mapping[str, Any],
    records: Sequence[Record],
    summary: Mapping[str, Any],
    embodiment: Any,
) -> dict[str, Any]:
    """Key of a place in the page ("policy/curves/0") -> figure; the last part is the episode, where there is one."""
    store, plots = ResultStore(folder), {}
    for name, facts in summary["calls"].items():
        own = [record for record in records if record["call"] == name]
        if not own:
            continue
        plots[f"{name}/horizon"] = figures.horizon_errors(facts["metrics"], own, facts.get("autoencoder"))
        if "predicted" not in own[0] or not run["calls"][name]["against_recording"]:
            continue
        for episode in episodes:
            windows = [record for record in own if record["episode"] == episode]
            if not windows:
                continue
            actions, state = store.episode(episode)
            plots[f"{name}/curves/{episode}"] = figures.action_curves(actions, windows, embodiment)
            for block, path in embodiment.integrate(actions, state).items():
                plots[f"{name}/chunks/{block}/{episode}"] = figures.chunk_paths(path, windows, embodiment, block)
                if "whole_path" in facts:
                    plots[f"{name}/whole/{block}/{episode}"] = figures.whole_path(windows, embodiment, block)
    return {key: json.loads(figure.to_json()) for key, figure in plots.items()}


def _videos(folder: Path, records: Sequence[Record]) -> list[dict[str, Any]]:
    """As many windows as fit into the budget, spread evenly over the run; each with its PSNR and its MP4 as base64."""
    filmed = [record for record in records if "video" in record]
    if not filmed:
        return []
    sizes = [(folder / record["video"]).stat().st_size for record in filmed]
    count = max(1, min(len(filmed), int(VIDEO_BUDGET_BYTES / max(sizes))))
    chosen = [filmed[round(index * (len(filmed) - 1) / max(count - 1, 1))] for index in range(count)]
    return [
        {
            "episode": record["episode"],
            "start": record["start"],
            "psnr": record["errors"]["prediction"]["psnr_db"],
            "stays": record["errors"]["last_frame_stays"]["psnr_db"],
            "mp4": base64.b64encode((folder / record["video"]).read_bytes()).decode(),
        }
        for record in chosen
    ]


def _as_script_json(value: Any) -> str:
    """JSON that may stand inside a script element: no ``</`` can end it early."""
    return json.dumps(value, separators=(",", ":")).replace("</", "<\\/")
