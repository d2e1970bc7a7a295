"""One-episode datasets put together into one, by LeRobot's own aggregation; no picture is encoded again."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Sequence
from pathlib import Path

FAN_IN = 32
"""Datasets merged at a time: each merge rewrites what it has so far, so that one long row would take quadratic time."""


def merge(parts: Sequence[Path], output: Path) -> None:
    """Writes the dataset `output`, which must not exist, with the episodes of `parts` in their order."""
    level, scratch = 0, output.with_name(output.name + ".merging")
    shutil.rmtree(scratch, ignore_errors=True)
    folders = list(parts)
    while len(folders) > FAN_IN:
        level += 1
        groups = [folders[start : start + FAN_IN] for start in range(0, len(folders), FAN_IN)]
        folders = [
            _aggregate(group, scratch / f"level_{level}" / f"group_{index:06d}") for index, group in enumerate(groups)
        ]
    whole = _aggregate(folders, scratch / "whole")
    whole.rename(output)
    shutil.rmtree(scratch)


def _aggregate(folders: Sequence[Path], target: Path) -> Path:
    import av
    from lerobot.datasets.aggregate import aggregate_datasets

    av.logging.set_libav_level(av.logging.WARNING)  # joining videos is told file by file otherwise
    names = [f"cosmos-policy/{folder.name}" for folder in folders]
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bars; what goes wrong is raised
        aggregate_datasets(names, f"cosmos-policy/{target.name}", roots=list(folders), aggr_root=target)
    return target
