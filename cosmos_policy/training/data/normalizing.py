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
from embodiments import Embodiment, Trajectory
from embodiments.fitting import fit, fit_actions
from embodiments.normalizers import make


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
        if settings.kind == "keep":
            robot = embodiment_for(base, robot)
            rows = np.concatenate(actions[name])
            check_range(robot, robot.normalizer, rows, settings.outside, ", ".join(sources[name]))
        else:
            statistics = fit_actions(robot, actions[name], ", ".join(sources[name]))
            robot = robot.with_normalizer(make(settings.kind, statistics, settings.clamp))
        robots[name] = robot
    return robots


def conforming(
    robot: Embodiment,
    trajectories: Sequence[Trajectory],
    settings: NormalizerSettings,
    base: Checkpoint | None,
    what: str,
) -> None:
    """Hold a dataset's recordings against the robot and the normaliser that it is about to be trained with.

    base: None for a new architecture. Raises :class:`UsageError` with all that ``embodiments.check`` finds wrong.
    """
    if settings.kind == "keep":
        robot = embodiment_for(base, robot)
    else:
        statistics = fit(robot, trajectories, what)
        robot = robot.with_normalizer(make(settings.kind, statistics, settings.clamp))
    report = embodiments.check(robot, trajectories)
    if not report.passed:
        found = "; ".join(f"{finding.message} ({finding.check})" for finding in report.failures)
        raise UsageError(
            f"{what} does not fit {robot.name}: {found}. Choose another embodiment, fit statistics with normalizer: "
            "{kind: quantile}, or describe the dataset in a YAML embodiment."
        )


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
