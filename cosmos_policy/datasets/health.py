"""Why LeRobot would refuse a dataset, said before it does, and in words.

LeRobot 0.6 answers a malformed dataset with a stack trace, or by asking the hub for a repository that has the name of
the folder. This looks at ``meta/`` and at the file names alone; no frame is read.
"""

from __future__ import annotations

import json
from pathlib import Path
from string import Formatter
from typing import Any

from cosmos_policy.errors import UsageError

FORMAT_VERSION = "v3."
EPISODE_COLUMNS = ("episode_index", "length", "dataset_from_index", "dataset_to_index")
PATH_FIELDS = {"data_path": {"chunk_index", "file_index"}, "video_path": {"video_key", "chunk_index", "file_index"}}


def read_info(root: Path, name: str) -> dict[str, Any]:
    """``meta/info.json`` as a dict; a :class:`UsageError` where `root` is no LeRobot dataset of format v3."""
    path = root / "meta" / "info.json"
    if not path.is_file():
        raise UsageError(f"{name} is no LeRobot dataset: it has no meta/info.json; give the folder that holds meta/.")
    try:
        info = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UsageError(f"{name}: meta/info.json is not valid JSON ({error}); restore it from the source.") from None
    missing = [key for key in ("codebase_version", "fps", "features", "total_episodes", "data_path") if key not in info]
    if missing:
        raise UsageError(f"{name}: meta/info.json lacks {', '.join(missing)}; it was not written by LeRobot v3.")
    version = str(info["codebase_version"])
    if not version.startswith(FORMAT_VERSION):
        raise UsageError(
            f"{name} is in LeRobot format {version}, but LeRobot 0.6 reads v3.0; convert it with "
            "python -m lerobot.scripts.convert_dataset_v21_to_v30."
        )
    return info


def check_health(root: Path, name: str, info: dict[str, Any]) -> None:
    """Raise one :class:`UsageError` that lists everything LeRobot would stumble over in ``meta/``."""
    defects = [*_feature_defects(info), *_path_defects(info), *_task_defects(root), *_episode_defects(root, info)]
    if defects and not (root / "meta" / "stats.json").is_file():
        defects.append("meta/stats.json is missing")
    if defects:
        raise UsageError(
            f"LeRobot refuses {name}: {'; '.join(defects)}: rewrite it with LeRobot 0.6's own writer "
            "(LeRobotDataset.create, add_frame, save_episode, finalize), or repair these points in meta/."
        )


def check_files(root: Path, name: str, info: dict[str, Any], episodes: tuple[int, ...]) -> None:
    """Raise a :class:`UsageError` that names the data or video files which the chosen episodes need and `root` lacks.

    LeRobot wants the videos of every camera in ``info.json``, used or not.
    """
    cameras = [key for key, feature in info["features"].items() if feature.get("dtype") == "video"]
    table = _episode_table(root)
    rows = table[table["episode_index"].isin(episodes)]
    wanted: dict[str, None] = {}
    for _, row in rows.iterrows():
        place = {"chunk_index": int(row["data/chunk_index"]), "file_index": int(row["data/file_index"])}
        wanted[info["data_path"].format(**place)] = None
        for camera in cameras:
            place = {key: int(row[f"videos/{camera}/{key}"]) for key in ("chunk_index", "file_index")}
            wanted[info["video_path"].format(video_key=camera, **place)] = None
    absent = [path for path in wanted if not (root / path).is_file()]
    if absent:
        more = f" (and {len(absent) - 1} more)" if len(absent) > 1 else ""
        raise UsageError(
            f"{name} lacks {absent[0]}{more}, which its meta/ promises; copy the file there, or take the feature out "
            "of meta/info.json and meta/episodes."
        )


def _feature_defects(info: dict[str, Any]) -> list[str]:
    shapeless = [name for name, feature in info["features"].items() if not feature.get("shape")]
    if not shapeless:
        return []
    return [f"the features {_listed(shapeless)} are declared with shape [] (a single number is shape [1])"]


def _path_defects(info: dict[str, Any]) -> list[str]:
    unknown: dict[str, list[str]] = {}
    for key, known in PATH_FIELDS.items():
        for _, field, _, _ in Formatter().parse(info.get(key) or ""):
            if field and field not in known:
                unknown.setdefault(f"{{{field}}}", []).append(key)
    if not unknown:
        return []
    keys = dict.fromkeys(key for users in unknown.values() for key in users)
    return [
        f"{' and '.join(keys)} in meta/info.json use {' and '.join(unknown)}, where LeRobot fills in {{chunk_index}} "
        "and {file_index}"
    ]


def _task_defects(root: Path) -> list[str]:
    import pyarrow.parquet as parquet

    path = root / "meta" / "tasks.parquet"
    if not path.is_file():
        return ["meta/tasks.parquet is missing"]
    pandas_facts = (parquet.read_schema(path).metadata or {}).get(b"pandas")
    index = json.loads(pandas_facts).get("index_columns", []) if pandas_facts else []
    if any(isinstance(column, str) for column in index):
        return []
    return ["meta/tasks.parquet has the task text as a column and not as the index"]


def _episode_defects(root: Path, info: dict[str, Any]) -> list[str]:
    if not list((root / "meta" / "episodes").glob("*/*.parquet")):
        return ["meta/episodes holds no parquet file"]
    columns = set(_episode_table(root).columns)
    needed = [*EPISODE_COLUMNS, "data/chunk_index", "data/file_index"]
    for name, feature in info["features"].items():
        if feature.get("dtype") == "video":
            needed += [f"videos/{name}/{key}" for key in ("chunk_index", "file_index", "from_timestamp")]
    missing = [column for column in needed if column not in columns]
    return [f"meta/episodes lacks the columns {_listed(missing)}"] if missing else []


def _episode_table(root: Path) -> Any:
    """The columns of meta/episodes without the statistics, as one pandas table."""
    import pandas
    import pyarrow.parquet as parquet

    tables = []
    for path in sorted((root / "meta" / "episodes").glob("*/*.parquet")):
        names = [column for column in parquet.read_schema(path).names if not column.startswith("stats/")]
        tables.append(pandas.read_parquet(path, columns=names))
    return pandas.concat(tables, ignore_index=True)


def _listed(names: list[str], at_most: int = 4) -> str:
    more = f" and {len(names) - at_most} more" if len(names) > at_most else ""
    return ", ".join(names[:at_most]) + more


def episode_lengths(root: Path) -> dict[int, int]:
    """episode number -> its length in frames, from meta/episodes."""
    table = _episode_table(root)
    return {int(index): int(length) for index, length in zip(table["episode_index"], table["length"], strict=True)}
