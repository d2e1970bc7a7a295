"""Statistics of a robot's own data: what `cosmos-policy embodiments fit` computes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError
from embodiments.statistics import Statistics, make_statistics
from embodiments.trajectory import Trajectory

# Quantiles of 1 % mean nothing below this many steps.
FEWEST_STEPS = 100


def fit(embodiment: Embodiment, trajectories: Iterable[Trajectory], source: str) -> Statistics:
    """q01, q99, min, max, mean and std of every unified column over all steps of the recordings.

    `source` says what was recorded, for the file. Raises `EmbodimentError` for too little data and for columns that
    never move: statistics of those would make any motion enormous in model space.
    """
    return fit_actions(embodiment, [embodiment.encode(trajectory) for trajectory in trajectories], source)


def fit_actions(embodiment: Embodiment, chunks: Sequence[np.ndarray], source: str) -> Statistics:
    """The same from actions that are encoded already: unified, [T, D] an episode."""
    unified = np.concatenate(chunks) if chunks else np.zeros((0, embodiment.action_dim))
    if len(unified) < FEWEST_STEPS:
        raise EmbodimentError(
            f"the recordings of {embodiment.name!r} have {len(unified)} steps; expected at least {FEWEST_STEPS}, and "
            "episodes of all the motions that the robot shall make"
        )
    low, high = np.quantile(unified, [0.01, 0.99], axis=0)
    still = [name for name, span in zip(embodiment.action_names, high - low, strict=True) if span <= 0.0]
    if still:
        raise EmbodimentError(
            f"{', '.join(still)} of {embodiment.name!r} never moved in {len(unified)} steps (q01 = q99): add episodes "
            "in which it does, or check the dataset layout"
        )
    values = {
        "q01": low,
        "q99": high,
        "min": unified.min(axis=0),
        "max": unified.max(axis=0),
        "mean": unified.mean(axis=0),
        "std": unified.std(axis=0),
    }
    return make_statistics(embodiment.name, f"{source}, {len(unified)} steps of {len(chunks)} episodes", values)
