"""Where a dataset is: a folder here, or a repository on the Hugging Face hub. Only ``meta/`` is fetched for a look."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from cosmos_policy.errors import Failure, UsageError

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


@dataclass(frozen=True)
class DatasetSource:
    """A dataset that has been found.

    name: as the user gave it. root: the folder with ``meta/``. repository: the hub id, or None for a local folder.
    revision: the commit on the hub, or None.
    """

    name: str
    root: Path
    repository: str | None
    revision: str | None


def locate(dataset: str) -> DatasetSource:
    """Find `dataset`, a folder or a hub id ``owner/name``; from the hub, ``meta/`` is downloaded into its cache."""
    folder = Path(dataset).expanduser()
    if folder.is_dir():
        return DatasetSource(dataset, folder.resolve(), None, None)
    if folder.exists():
        raise UsageError(f"{dataset} is a file; give the dataset's folder (the one that holds meta/).")
    if not HUB_ID.fullmatch(dataset):
        raise UsageError(f"There is no folder {dataset}, and it is no hub id (owner/name) either.")
    return _from_hub(dataset)


def _from_hub(repository: str) -> DatasetSource:
    from lerobot.datasets.dataset_metadata import LeRobotDatasetMetadata

    try:
        metadata = LeRobotDatasetMetadata(repository)
    except Exception as error:  # whatever the hub, the network or the format throws: the user needs one sentence
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise Failure(
            f"There is no folder {repository}, and the hub gave no LeRobot dataset of that name ({reason}); check the "
            "name, the network, and `hf auth login` for gated datasets."
        ) from error
    return DatasetSource(repository, Path(metadata.root), repository, str(metadata.revision))


def fingerprint(source: DatasetSource) -> str:
    """SHA-256 (hex) over the content of ``meta/``, and the names and sizes of a local folder's data and video files.

    It tells an edited or re-recorded dataset from the one that a run was begun on, without reading gigabytes.
    """
    digest = hashlib.sha256()
    for path in sorted((source.root / "meta").rglob("*")):
        if path.is_file() and not path.name.startswith("."):
            digest.update(path.relative_to(source.root).as_posix().encode())
            digest.update(path.read_bytes())
    if source.repository is None:
        for part in ("data", "videos", "images"):
            for path in sorted((source.root / part).rglob("*")):
                if path.is_file():
                    digest.update(f"{path.relative_to(source.root).as_posix()}:{path.stat().st_size}".encode())
    else:
        digest.update(f"{source.repository}@{source.revision}".encode())
    return digest.hexdigest()
