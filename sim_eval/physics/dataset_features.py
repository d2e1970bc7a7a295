"""A simulated robot's measurements, pictures and commands, as the columns of the LeRobot datasets of its real twin.

Names come from the embodiment's own dataset layout, so that what is recorded here is read there without a mapping.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

import embodiments
from embodiments.datasets import DatasetLayout, FeatureReference
from sim_eval.physics.quantities import commanded, measured, of_arm
from sim_eval.physics.robot_io import ArmsCommand, ArmsState, RobotCommand, RobotState
from sim_eval.physics.robots.base import RobotSetup

_POSE_NAMES = ("x_m", "y_m", "z_m", "roll_rad", "pitch_rad", "yaw_rad")
_GRIPPER_NAMES = ("closed_fraction",)


def features(
    layout: DatasetLayout, joint_names: Mapping[str, tuple[str, ...]], image_size: tuple[int, int]
) -> dict[str, dict]:
    """The feature table that LeRobot's writer takes.

    joint_names: of each arm. image_size: width and height in pixels.
    """
    width, height = image_size
    names = {
        of_arm(arm, quantity): [of_arm(arm, column) for column in columns]
        for arm, joints in joint_names.items()
        for quantity, columns in (
            ("cartesian_position", _POSE_NAMES),
            ("joint_position", [f"{name}_rad" for name in joints]),
            ("gripper_position", _GRIPPER_NAMES),
        )
    }
    columns: dict[str, list[str]] = {}
    for feature, quantities in _by_feature(layout):
        columns[feature] = [name for _, quantity in quantities for name in names[quantity]]
    numbers = {feature: {"dtype": "float32", "shape": (len(own),), "names": own} for feature, own in columns.items()}
    picture = {"dtype": "video", "shape": (height, width, 3), "names": ["height", "width", "channels"]}
    return numbers | {feature: dict(picture) for feature in layout.views.values()}


def recorded_layout(robot: RobotSetup) -> DatasetLayout:
    """The dataset layout of the robot's first embodiment, with the columns that the robot records beside it."""
    layout = embodiments.get(robot.embodiments[0]).dataset_layouts[0]
    return replace(layout, commands={**layout.commands, **robot.recorded_commands})


def frame(
    layout: DatasetLayout,
    state: RobotState | ArmsState,
    images: Mapping[str, np.ndarray],
    command: RobotCommand | ArmsCommand,
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
