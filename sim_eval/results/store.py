"""``settings.json`` and ``results.jsonl``: written as results come, and picked up again after an interruption."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cosmos_policy.errors import Failure, UsageError

SETTINGS_FILE = "settings.json"
RESULTS_FILE = "results.jsonl"


class ResultStore:
    """The results of one run in one folder; one JSON object a line, each on disk before the next window begins."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.results_path = folder / RESULTS_FILE
        self.settings_path = folder / SETTINGS_FILE

    def check_fresh_or_own(self) -> None:
        """Refuse a folder that holds results but no settings, and a path that is no folder."""
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(f"--output {self.folder} is a file; name a folder.")
        if self.results_path.exists() and not self.settings_path.exists():
            raise UsageError(
                f"{self.folder} holds {RESULTS_FILE} without {SETTINGS_FILE}, so that nobody can tell which run it "
                "belongs to; choose another --output or remove the file."
            )

    def begin(self, run: Mapping[str, Any]) -> None:
        """Write the run's facts, or check them against those of the run that is already here.

        run: JSON values with the part "identity": what must be equal for results to be of one run. A different one is
        a :class:`UsageError` that names the first fact that differs.
        """
        if self.settings_path.exists():
            earlier = self.read_settings()
            difference = _first_difference(earlier.get("identity", {}), run["identity"])
            if difference:
                raise UsageError(
                    f"{self.folder} holds a run with another setting: {difference}; choose another --output, or remove "
                    "that folder to start again."
                )
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        _write_whole(self.settings_path, json.dumps(run, indent=1, allow_nan=False) + "\n")

    def repair(self) -> str | None:
        """Drop a last line that an interruption cut short. Returns a sentence about it, or None where all was well."""
        if not self.results_path.exists():
            return None
        content = self.results_path.read_bytes()
        kept = content[: content.rfind(b"\n") + 1]
        if kept == content:
            return None
        with self.results_path.open("r+b") as file:
            file.truncate(len(kept))
        return f"The last line of {RESULTS_FILE} was cut short by an interruption; its window is done again."

    def records(self) -> Iterator[dict[str, Any]]:
        """All results so far, in the order in which they came."""
        if not self.results_path.exists():
            return
        with self.results_path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, start=1):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise Failure(
                        f"{self.results_path}, line {number}, is not valid JSON ({error}); remove that line, and its "
                        "window is done again."
                    ) from None

    def append(self, record: Mapping[str, Any]) -> None:
        """Add one result and see it onto the disk."""
        line = json.dumps(record, allow_nan=False, separators=(",", ":"))
        with self.results_path.open("a", encoding="utf-8") as file:
            file.write(line + "\n")
            file.flush()
            os.fsync(file.fileno())

    def keep_episode(self, index: int, actions: np.ndarray, state: Mapping[str, np.ndarray]) -> None:
        """Keep what the robot did in a whole episode: unified actions [N-1, D] and the state that they start from."""
        path = self._episode_path(index)
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            start = {name: np.asarray(value, dtype=np.float64).tolist() for name, value in state.items()}
            _write_whole(path, json.dumps({"actions": actions.tolist(), "state": start}, allow_nan=False) + "\n")

    def episode(self, index: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """(actions, state) as :meth:`keep_episode` kept them."""
        kept = json.loads(self._episode_path(index).read_text(encoding="utf-8"))
        return np.array(kept["actions"]), {name: np.array(value) for name, value in kept["state"].items()}

    def _episode_path(self, index: int) -> Path:
        return self.folder / "episodes" / f"episode_{index:06d}.json"

    def read_settings(self) -> dict[str, Any]:
        """What :meth:`begin` wrote."""
        try:
            return json.loads(self.settings_path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise Failure(f"{self.settings_path} is not valid JSON ({error}); choose another --output.") from None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON so that a reader sees the old file or the new one, never half of it."""
    _write_whole(path, json.dumps(value, indent=1, allow_nan=False) + "\n")


def _write_whole(path: Path, text: str) -> None:
    beside = path.with_name(path.name + ".part")
    beside.write_text(text, encoding="utf-8")
    beside.replace(path)


def _first_difference(earlier: Any, now: Any, where: str = "") -> str | None:
    """The first fact that differs, as "name is 5 here and 7 now", or None."""
    if isinstance(earlier, dict) and isinstance(now, dict):
        for key in [*now, *(key for key in earlier if key not in now)]:
            found = _first_difference(earlier.get(key), now.get(key), f"{where}.{key}" if where else key)
            if found:
                return found
        return None
    return None if earlier == now else f"{where} is {json.dumps(earlier)} there and {json.dumps(now)} now"
