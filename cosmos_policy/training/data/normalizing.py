"""Which normaliser a run trains with: the base checkpoint's, or one fitted on the training episodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

import embodiments
from cosmos_policy.checkpoints import Checkpoint, NormalizerSpec, embodiment_for
from cosmos_policy.errors import UsageError
from cosmos_policy.training.data.checks import check_range
from cosmos_policy.training.data.prepared import PreparedDataset
from cosmos_policy.training.settings import NormalizerSettings
from embodiments import Embodiment
from embodiments.normalizers import make
from embodiments.statistics import Statistics, make_statistics


def robots_of(
    prepared: Sequence[tuple[PreparedDataset, Sequence[int]]], settings: NormalizerSettings, base: Checkpoint
) -> dict[str, Embodiment]:
    """embodiment as set -> the robot at its rate, with the normaliser of this run; what does not fit is refused.

    prepared: datasets with the indices of their training episodes. Statistics of several datasets of one robot are
    fitted together.
    """
    actions: dict[str, list[np.ndarray]] = {}
    sources: dict[str, list[str]] = {}
    for dataset, episodes in prepared:
        actions.setdefault(dataset.embodiment, []).extend(dataset.numbers[index][0] for index in episodes)
        sources.setdefault(dataset.embodiment, []).append(dataset.source)
    robots = {}
    for dataset, _ in prepared:
        name, rate = dataset.embodiment, dataset.fps
        if name in robots:
            if robots[name].fps != rate:
                raise UsageError(
                    f"The datasets of {name} run at {robots[name].fps:g} and {rate:g} frames per second; a checkpoint "
                    "speaks one rate of a robot: set fps."
                )
            continue
        robot = replace(embodiments.get(name), fps=rate)
        rows = np.concatenate(actions[name])
        if settings.kind == "keep":
            # The rate does not belong to the normaliser: the robot is looked up by its name, at its own rate.
            robot = robot.with_normalizer(embodiment_for(base, embodiments.get(name)).normalizer)
            check_range(robot, robot.normalizer, rows, settings.outside, ", ".join(sources[name]))
        else:
            statistics = fit_statistics(name, rows, ", ".join(sources[name]))
            robot = robot.with_normalizer(make(settings.kind, statistics, settings.clamp))
        robots[name] = robot
    return robots


def fit_statistics(name: str, actions: np.ndarray, source: str) -> Statistics:
    """Statistics of unified actions, float64 [rows, D]."""
    values = {
        "q01": np.quantile(actions, 0.01, axis=0),
        "q99": np.quantile(actions, 0.99, axis=0),
        "min": actions.min(axis=0),
        "max": actions.max(axis=0),
        "mean": actions.mean(axis=0),
        "std": actions.std(axis=0),
    }
    return make_statistics(name, f"training episodes of {source}", values)


def specs_of(
    robots: Mapping[str, Embodiment], settings: NormalizerSettings, base: Checkpoint
) -> str | dict[str, NormalizerSpec]:
    """What the new checkpoint's card says about its normalisers."""
    if settings.kind == "keep":
        kept = base.card.normalizers
        return kept if kept == "base" else {robot.name: kept[robot.name] for robot in robots.values()}
    return {
        robot.name: NormalizerSpec(
            kind=settings.kind,
            statistics={name: values.tolist() for name, values in robot.normalizer.statistics.values.items()},
            source=robot.normalizer.statistics.source,
            clamp=settings.clamp,
        )
        for robot in robots.values()
    }
