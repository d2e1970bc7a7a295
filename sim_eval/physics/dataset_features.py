"""A simulated robot's measurements, pictures and commands, as the columns of the LeRobot datasets of its real twin.

Names come from the embodiment's own dataset layout, so that what is recorded here is read there without a mapping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

import embodiments
from embodiments.datasets import DatasetLayout, FeatureReference
from sim_eval.physics.quantities import commanded, measured
from sim_eval.physics.robots.base import SimulatedRobot


def features(
    layout: DatasetLayout, column_names: Mapping[str, Sequence[str]], image_size: tuple[int, int]
) -> dict[str, dict]:
    """The feature table that LeRobot's writer takes.

    column_names: what each number of each quantity is. image_size: width and height in pixels.
    """
    width, height = image_size
    columns: dict[str, list[str]] = {}
    for feature, quantities in _by_feature(layout):
        columns[feature] = [name for _, quantity in quantities for name in column_names[quantity]]
    numbers = {feature: {"dtype": "float32", "shape": (len(own),), "names": own} for feature, own in columns.items()}
    picture = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    return numbers | {feature: dict(picture) for feature in layout.views.values()}


def recorded_layout(robot: SimulatedRobot) -> DatasetLayout:
    """The dataset layout of the robot's first embodiment, with the columns that the robot records beside it."""
    layout = embodiments.get(robot.embodiments[0]).dataset_layouts[0]
    return replace(layout, commands={**layout.commands, **robot.recorded_commands})


def frame(
    layout: DatasetLayout,
    state: Any,
    images: Mapping[str, np.ndarray],
    command: Any,
) -> dict[str, np.ndarray]:
    """One row: what the robot measured and saw, and the command that was given in that instant."""
    sources = {"state": measured(state), "command": commanded(command)}
    row = {
        feature: np.concatenate([sources[role][quantity] for role, quantity in quantities]).astype(np.float32)
        for feature, quantities in _by_feature(layout)
    }
    return row | {feature: images[view] for view, feature in layout.views.items()}


def _by_feature(layout: DatasetLayout) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Each feature with the (role, quantity) pairs that stand in it, in the order of their columns."""
    parts: dict[str, list[tuple[int, str, str]]] = {}
    for role, quantities in (("state", layout.states), ("command", layout.commands)):
        for quantity, text in quantities.items():
            reference = FeatureReference.parse(text)
            start = reference.columns.start if reference.columns is not None else 0
            parts.setdefault(reference.feature, []).append((start, role, quantity))
    for feature, placed in parts.items():
        yield feature, [(role, quantity) for _, role, quantity in sorted(placed)]
