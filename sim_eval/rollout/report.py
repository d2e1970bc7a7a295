"""``report.html`` of an evaluation: one file with everything in it, videos included."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sim_eval.rollout.summary import group_by_task

REPORT_FILE = "report.html"
#: Bytes of video that a page may carry (a third more as base64).
VIDEO_BUDGET_BYTES = 6_500_000


def write_report(
    folder: Path, run: Mapping[str, Any], records: Sequence[Mapping[str, Any]], summary: Mapping[str, Any]
) -> Path:
    """Write the page of an evaluation into its folder; returns its path.

    run, records, summary: the contents of ``settings.json``, ``results.jsonl`` and ``summary.json`` in `folder`.
    """
    from jinja2 import Environment, PackageLoader, select_autoescape

    environment = Environment(loader=PackageLoader("sim_eval.reports"), autoescape=select_autoescape())
    videos = _videos(folder, records)
    page = environment.get_template("rollout.html").render(
        run=run,
        summary=summary,
        records=records,
        groups=group_by_task(records),
        videos=videos,
        num_filmed=sum("video" in record for record in records),
    )
    path = folder / REPORT_FILE
    path.write_text(page, encoding="utf-8")
    return path


def _videos(folder: Path, records: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Filmed episodes as base64, successes and failures by turns, as many as the page may carry."""
    filmed = [record for record in records if "video_told" in record and (folder / record["video_told"]).exists()]
    by_outcome = [[record for record in filmed if record["success"] is outcome] for outcome in (True, False)]
    longest = max(map(len, by_outcome))
    turns = [group[index] for index in range(longest) for group in by_outcome if index < len(group)]
    shown, left = {}, VIDEO_BUDGET_BYTES
    for record in turns:
        content = (folder / record["video_told"]).read_bytes()
        left -= len(content)
        if shown and left < 0:
            break
        shown[record["video_told"]] = base64.b64encode(content).decode()
    return [{**record, "mp4": shown[record["video_told"]]} for record in filmed if record["video_told"] in shown]
