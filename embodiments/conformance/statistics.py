"""The normaliser fits the robot: widths, columns that do not move, and rest inside the range."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embodiments.conformance.maps import without_clamp
from embodiments.conformance.report import Finding
from embodiments.embodiment import Embodiment
from embodiments.statistics import fingerprint
from embodiments.trajectory import Trajectory

# Below this span float32 cannot hold ten values between the ends of a column near 1 (its step there is 6e-8).
_NARROW_SPAN = 1e-5
# How far beyond +-1 a resting robot may be normalised: 1 % of the data lie beyond q99, and rest is a rotation's end.
_REST_LIMIT = 1.5


def widths(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """The normaliser has one number a column, and its statistics are the ones that were sealed."""
    normalizer = robot.normalizer
    if not robot.has_normalizer:
        yield Finding("widths", "unknown", f"the normaliser is {normalizer.describe()}")
        return
    if normalizer.width not in (None, robot.action_dim):
        yield Finding(
            "widths", "failed", f"the normaliser has {normalizer.width} columns, the robot {robot.action_dim}"
        )
        return
    statistics = normalizer.statistics
    if statistics is not None and fingerprint(statistics.values) != statistics.sha256:
        yield Finding("widths", "failed", f"the statistics {statistics.name!r} do not belong to their sha256")
        return
    yield Finding("widths", "passed", f"{robot.action_dim} columns, normaliser {normalizer.describe()}")


def degenerate_columns(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Columns that never moved cannot be normalised; nearly constant ones only in float64."""
    statistics = robot.normalizer.statistics
    if statistics is None:
        return
    low, high = (("q01", "q99"), ("min", "max"))["q01" not in statistics.values]
    if low not in statistics.values:
        spans = statistics.values["std"]
    else:
        spans = statistics.values[high] - statistics.values[low]
    dead = {robot.action_names[index]: float(spans[index]) for index in np.flatnonzero(spans <= 0.0)}
    if dead:
        yield Finding(
            "degenerate_columns",
            "failed",
            f"the statistics say that {', '.join(dead)} never moved (span 0): any motion there becomes enormous in "
            "model space; fit them on data in which every column moves",
            dead,
        )
        return
    narrow = {robot.action_names[index]: float(spans[index]) for index in np.flatnonzero(spans < _NARROW_SPAN)}
    if narrow:
        listed = ", ".join(f"{name} ({span:.0e})" for name, span in narrow.items())
        yield Finding(
            "degenerate_columns",
            "note",
            f"nearly constant in the statistics: {listed}; their normalised values have no meaning in float32",
            narrow,
        )
    else:
        yield Finding("degenerate_columns", "passed", f"the narrowest column spans {spans.min():.1e}")


def resting_is_inside(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """A robot that rests (zero translation, identity rotation) lies inside the range of its statistics."""
    if robot.normalizer.statistics is None or not robot.pose_blocks:
        return
    rest = np.zeros(robot.action_dim)
    moving = np.zeros(robot.action_dim, dtype=bool)
    for block in robot.pose_blocks:
        rest[block.columns] = [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0, 0.0]
        moving[block.columns] = True
    model = without_clamp(robot).normalize(rest)
    outside = {
        robot.action_names[index]: float(model[index])
        for index in np.flatnonzero(moving & (np.abs(model) > _REST_LIMIT))
    }
    if outside:
        listed = ", ".join(f"{name} ({value:.3g})" for name, value in outside.items())
        yield Finding(
            "resting_is_inside",
            "failed",
            f"a resting robot is normalised to {listed}, outside -1..1: the statistics belong to other columns, "
            "another rotation form, or absolute poses instead of deltas",
            outside,
        )
    else:
        yield Finding("resting_is_inside", "passed", f"a resting robot lies within {np.abs(model[moving]).max():.2f}")
