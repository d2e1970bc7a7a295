"""The numbers of a LeRobot dataset, straight from its parquet files: checking and fitting need no frame of video."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import Failure, UsageError
from embodiments import Embodiment, EmbodimentError, Trajectory
from embodiments.datasets import DatasetLayout, layout_for


def read_trajectories(dataset: str, embodiment: Embodiment) -> tuple[DatasetLayout, list[Trajectory]]:
    """The layout that fits, and every episode at the embodiment's rate; `dataset` is a folder or a Hugging Face id.

    Raises :class:`UsageError` for a dataset that does not fit, :class:`Failure` where files cannot be read.
    """
    root = _folder(dataset)
    info = _info(root, dataset)
    try:
        layout = layout_for(embodiment.dataset_layouts, info["features"])
    except EmbodimentError as error:
        raise UsageError(f"{dataset} does not fit {embodiment.name}: {error}") from None
    step = _frame_step(float(info["fps"]), embodiment, dataset)
    trajectories = [
        layout.trajectory({name: values[::step] for name, values in episode.items()})
        for episode in _episodes(root, layout, dataset)
    ]
    return layout, trajectories


def _folder(dataset: str) -> Path:
    if Path(dataset).is_dir():
        return Path(dataset)
    if dataset.count("/") != 1 or dataset.startswith((".", "/", "~")):
        raise UsageError(f"there is no dataset folder {dataset}; expected a folder or a Hugging Face id (owner/name)")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise Failure('a Hugging Face id needs huggingface_hub: pip install "cosmos-policy[evaluation]"') from None
    try:
        return Path(snapshot_download(dataset, repo_type="dataset", allow_patterns=["meta/*", "data/**"]))
    except Exception as error:  # offline, absent and forbidden come as different classes of several libraries
        reason = str(error).strip().partition("\n")[0]
        raise Failure(f"cannot fetch the dataset {dataset}: {reason or type(error).__name__}") from error


def _info(root: Path, dataset: str) -> dict[str, Any]:
    path = root / "meta" / "info.json"
    if not path.is_file():
        raise UsageError(f"{dataset} is no LeRobot dataset: it has no meta/info.json")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise UsageError(f"meta/info.json of {dataset} is no JSON (line {error.lineno}: {error.msg})") from None
    if not {"features", "fps"} <= info.keys():
        raise UsageError(f'meta/info.json of {dataset} lacks "features" or "fps"; expected LeRobot v2.1 or v3.0')
    return info


def _frame_step(recorded: float, embodiment: Embodiment, dataset: str) -> int:
    step = recorded / embodiment.fps
    if round(step) < 1 or abs(step - round(step)) > 1e-6:
        raise UsageError(
            f"{dataset} was recorded at {recorded:g} Hz, {embodiment.name} runs at {embodiment.fps:g} Hz; expected a "
            "whole multiple: resample it, or change the fps of the robot file"
        )
    return round(step)


def _episodes(root: Path, layout: DatasetLayout, dataset: str) -> Iterator[dict[str, np.ndarray]]:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise Failure('reading a dataset needs pyarrow: pip install "cosmos-policy[evaluation]"') from None
    files = sorted((root / "data").glob("**/*.parquet"))
    if not files:
        raise UsageError(f"{dataset} has no parquet file under data/")
    columns = [*layout.table_features, "episode_index", "frame_index"]
    try:
        table = pa.concat_tables([pq.read_table(file, columns=columns) for file in files])
        values = {name: np.asarray(table[name].to_pylist()) for name in columns}
    except (pa.ArrowException, OSError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise Failure(f"cannot read the tables of {dataset}: {reason}") from error
    order = np.lexsort((values["frame_index"], values["episode_index"]))
    starts = np.flatnonzero(np.diff(values["episode_index"][order], prepend=-1))
    for rows in np.split(order, starts[1:]):
        if len(rows) > 1:
            yield {name: values[name][rows] for name in layout.table_features}
