"""Reading result records: one JSON object for every window and call (see ``sim_eval.replay.calls``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Record = Mapping[str, Any]


def window_values(records: Sequence[Record], source: str, metric: str) -> dict[tuple[int, int], float]:
    """(episode, start) -> the window's mean over its horizon; windows without that source are left out."""
    return {
        (record["episode"], record["start"]): float(np.mean(record["errors"][source][metric]))
        for record in records
        if record["errors"][source] is not None
    }


def stitched(records: Sequence[Record], episode: int) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    """(predicted [N, D], recorded [N, D], state at the start) of an episode's windows, put end to end."""
    ordered = sorted((record for record in records if record["episode"] == episode), key=lambda record: record["start"])
    chain = ordered[:1]
    for record in ordered[1:]:
        if record["start"] != chain[-1]["start"] + chain[-1]["horizon"]:
            break
        chain.append(record)
    predicted = np.concatenate([np.array(record["predicted"]) for record in chain])
    recorded = np.concatenate([np.array(record["recorded"]) for record in chain])
    return predicted, recorded, {name: np.array(value) for name, value in chain[0]["state"].items()}
