"""What was asked for, and the fingerprint that tells whether two runs asked for the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling


@dataclass(frozen=True)
class ReplaySettings:
    """The options of ``cosmos-policy replay``.

    dataset: folder or hub id. embodiment: name or YAML file. output: folder of the results.
    checkpoint: name, folder or hub id. episodes: as ``0,3:7`` (None: all). calls: names of ``sim_eval.replay.calls``.
    stride: actions between two windows (None: the chunk size). camera_map: view -> feature.
    missing_views: "refuse" or "blank". instruction: said in place of the dataset's task text.
    samples: answers to one question in the call "calibration". seed: of the whole run.
    fps: rate to replay at (None: the embodiment's).
    revision, like, device, dtype: as in ``cosmos_policy.load``. sampling: as in the calls.
    """

    dataset: str
    embodiment: str
    output: Path
    checkpoint: str = "tiny"
    episodes: str | None = None
    calls: tuple[str, ...] = ("policy", "inverse-dynamics", "forward-dynamics")
    stride: int | None = None
    camera_map: Mapping[str, str] = field(default_factory=dict)
    missing_views: str = "refuse"
    instruction: str | None = None
    samples: int = 8
    seed: int = 0
    fps: float | None = None
    sampling: Sampling = field(default_factory=Sampling)
    revision: str | None = None
    like: str | None = None
    device: str | None = None
    dtype: str | None = None

    def __post_init__(self) -> None:
        if self.stride is not None and self.stride < 1:
            raise UsageError(f"--stride is {self.stride}; expected at least 1 action between two windows.")
        if self.samples < 2:
            raise UsageError(f"--samples is {self.samples}; a spread needs at least 2 answers to one question.")
        if self.seed < 0:
            raise UsageError(f"--seed is {self.seed}; expected a whole number of at least 0.")

    def described(self) -> dict[str, Any]:
        """The settings as JSON values, without the output folder: where results lie does not change them."""
        values = {name: value for name, value in vars(self).items() if name != "output"}
        return values | {
            "calls": list(self.calls),
            "camera_map": dict(self.camera_map),
            "sampling": vars(self.sampling).copy(),
        }


def fingerprint(facts: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of JSON values, independent of the order of keys."""
    return hashlib.sha256(json.dumps(facts, sort_keys=True, allow_nan=False).encode()).hexdigest()


def parse_camera_map(pairs: list[str]) -> dict[str, str]:
    """``["wrist=observation.images.hand"]`` as a dict; a :class:`UsageError` for anything else."""
    mapped: dict[str, str] = {}
    for pair in pairs:
        view, equals, feature = (part.strip() for part in pair.partition("="))
        if not (view and equals and feature):
            raise UsageError(f"--camera-map {pair!r} is not of the form view=feature (wrist=observation.images.hand).")
        if view in mapped:
            raise UsageError(f"--camera-map names the view {view!r} twice; say it once.")
        mapped[view] = feature
    return mapped
