"""Roll-outs whose end is known: what ``cosmos-policy rollout`` has filmed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.media import read_video
from sim_eval.results.store import ResultStore
from sim_eval.rewards.judges.base import Clip


@dataclass(frozen=True, eq=False)
class LabelledClip:
    """A roll-out and whether it succeeded. source: where it comes from, for readers."""

    clip: Clip
    success: bool
    source: str


def read_labelled(folders: Sequence[Path]) -> list[LabelledClip]:
    """The filmed episodes of folders that ``cosmos-policy rollout`` has written, in order.

    Raises ``UsageError`` for a folder without results, and where nothing was filmed (``--videos``).
    """
    found: list[LabelledClip] = []
    for folder in folders:
        store = ResultStore(folder)
        if not (store.results_path.is_file() and store.settings_path.is_file()):
            raise UsageError(f"{folder} holds no roll-outs: there is no {store.results_path.name}.")
        told = store.read_settings()["identity"]
        for record in store.records():
            if "video" in record:
                frames, fps = read_video(folder / record["video"])
                clip = Clip(frames, record["instruction"] if "instruction" in record else told["instruction"], fps)
                found.append(LabelledClip(clip, bool(record["success"]), f"{folder.name}/{record['video']}"))
    if not found:
        raise UsageError(
            f"None of the episodes in {', '.join(map(str, folders))} was filmed; roll out with --videos as many as "
            "there are --episodes."
        )
    return found


def split(
    labelled: Sequence[LabelledClip], held_out: float, seed: int
) -> tuple[list[LabelledClip], list[LabelledClip]]:
    """(to train on, held out): a share `held_out` of the successes and of the failures each, drawn by `seed`."""
    if not 0 < held_out < 1:
        raise UsageError(f"The held-out share is {held_out}; expected a number between 0 and 1.")
    generator = np.random.default_rng(seed)
    kept: list[int] = []
    for outcome in (True, False):
        own = [index for index, one in enumerate(labelled) if one.success is outcome]
        generator.shuffle(own)
        kept += own[: max(round(held_out * len(own)), 1)] if own else []
    return (
        [one for index, one in enumerate(labelled) if index not in kept],
        [labelled[index] for index in sorted(kept)],
    )
