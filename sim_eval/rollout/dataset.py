"""The LeRobot dataset of a run: every episode as it was played, good or bad."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError
from sim_eval.results.store import write_json
from sim_eval.rollout.worlds import World

FOLDER = "dataset"
SUMMARY_FILE = "rollouts.json"
"""In the dataset's folder: episode by episode, which scene it was and whether it succeeded."""


def part_of(output: Path, name: str) -> Path:
    """Where an episode is kept as a dataset of its own, until it is put together with the others, and after that: more
    episodes may come."""
    return output / f"{FOLDER}.parts" / name


def keep_part(output: Path, name: str, world: World, instruction: str) -> int:
    """Writes the episode that has just ended; it appears whole or not at all. Returns its number of frames."""
    whole = part_of(output, name)
    unfinished = whole.with_name(whole.name + ".unfinished")
    for leftover in (whole, unfinished):
        shutil.rmtree(leftover, ignore_errors=True)
    frames = world.write_dataset(unfinished, instruction)
    unfinished.rename(whole)
    return frames


def check_parts(output: Path, names: Sequence[str]) -> None:
    """A ``UsageError`` where an episode that was played before was not recorded."""
    lacking = [name for name in names if not part_of(output, name).is_dir()]
    if lacking:
        raise UsageError(
            f"{len(lacking)} episodes in {output} were played without --record (such as {lacking[0]}): choose another "
            "--output, or leave --record out."
        )


def put_together(output: Path, named: Mapping[str, Mapping[str, Any]]) -> Path:
    """The dataset of these episodes, name -> record, in their order. One that holds the same stays as it is."""
    from sim_eval.physics.recording.merge import merge

    folder = output / FOLDER
    summary = {
        "episodes": [
            {key: record[key] for key in ("task", "episode", "seed", "instruction", "success", "recorded_frames")}
            for record in named.values()
        ]
    }
    held = folder / SUMMARY_FILE
    if held.is_file() and json.loads(held.read_text(encoding="utf-8")) == summary:
        return folder
    made = folder.with_name(folder.name + ".new")
    shutil.rmtree(made, ignore_errors=True)
    merge([part_of(output, name) for name in named], made)
    write_json(made / SUMMARY_FILE, summary)
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    return folder
