"""One finished replay to look into."""

import json
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Replayed:
    """A finished replay: its settings and what it wrote."""

    settings: object
    folder: Path
    run: dict
    records: list
    summary: dict


@pytest.fixture(scope="session")
def replayed(droid_dataset, tmp_path_factory, single_thread) -> Replayed:
    """All three calls of the tiny checkpoint over `droid_dataset`, uninterrupted."""
    from sim_eval.replay.run import replay
    from sim_eval.replay.settings import ReplaySettings

    folder = tmp_path_factory.mktemp("replayed") / "output"
    settings = ReplaySettings(dataset=str(droid_dataset), embodiment="droid", output=folder, stride=20, seed=7)
    replay(settings, quiet=True)
    lines = (folder / "results.jsonl").read_text().splitlines()
    return Replayed(
        settings,
        folder,
        json.loads((folder / "settings.json").read_text()),
        [json.loads(line) for line in lines],
        json.loads((folder / "summary.json").read_text()),
    )
