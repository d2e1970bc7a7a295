"""What recorded data tell about units, signs and normalisation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embodiments.blocks import GripperBlock
from embodiments.conformance.report import Finding
from embodiments.embodiment import Embodiment
from embodiments.trajectory import Trajectory

# Beyond any angle that is written without wrapping in practice (two turns): degrees, most likely.
_LARGEST_ANGLE = 4.0 * np.pi
# 2 % of honest data lie outside [q01, q99]; other tasks move more. Above this share something is wrong.
_SHARE_ALLOWED = 0.2
# Spreads within these factors of the statistics' are another task, not another unit. A robot that works slowly stays
# far inside the range; one that reaches far beyond it does something that the model never saw.
_TOO_LARGE, _TOO_SMALL = 5.0, 1.0 / 20.0
_NAMED_WITHIN = 1.8


def units(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Angles look like radians, and every value lies where the robot can be."""
    for field in robot.fields:
        # Positions in front of the angles: [xyz, Euler xyz].
        first = {"rad": 0, "m, rad": 3}.get(field.unit)
        if first is None or not recorded:
            continue
        group = [trajectory.states if field.role == "state" else trajectory.commands for trajectory in recorded]
        values = np.concatenate([np.asarray(rows[field.name]).reshape(len(rows[field.name]), -1) for rows in group])
        largest = float(np.abs(values[:, first:]).max())
        if largest > _LARGEST_ANGLE:
            yield Finding(
                "units", "failed", f"{field.name!r} reaches {largest:.4g}; expected radians, these look like degrees"
            )
        else:
            yield Finding("units", "passed", f"{field.name!r} stays within {largest:.3g} rad")


def command_follows_state(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Where the same gripper is both commanded and observed, the two run the same way."""
    for block in robot.blocks:
        if not isinstance(block, GripperBlock):
            continue
        pairs = [
            (np.asarray(trajectory.commands[block.quantity]).reshape(-1), np.asarray(trajectory.states[block.quantity]))
            for trajectory in recorded
            if block.quantity in trajectory.commands and block.quantity in trajectory.states
        ]
        if not pairs:
            continue
        commands = np.concatenate([command for command, _ in pairs])
        states = np.concatenate([state.reshape(-1)[: len(command)] for command, state in pairs])
        if commands.std() < 1e-9 or states.std() < 1e-9:
            continue
        correlation = float(np.corrcoef(commands, states)[0, 1])
        if correlation < -0.3:
            yield Finding(
                "command_follows_state",
                "failed",
                f"the command and the observation of {block.quantity!r} run against each other (correlation "
                f"{correlation:.2f}): one of them has open and closed exchanged",
            )
        else:
            yield Finding(
                "command_follows_state", "passed", f"{block.quantity!r}: correlation with its command {correlation:.2f}"
            )


def inside_the_range(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Recorded actions lie inside the range of the statistics; a spread that is wrong by a known factor is named."""
    statistics = robot.normalizer.statistics
    if not recorded:
        yield Finding("inside_the_range", "note", "no recording was given: units and ranges of real data are unchecked")
        return
    if statistics is None or not {"q01", "q99"} <= statistics.values.keys():
        yield Finding("inside_the_range", "unknown", "the normaliser has no quantiles to compare recordings with")
        return
    unified = np.concatenate([robot.encode(trajectory) for trajectory in recorded])
    low, high = statistics.values["q01"], statistics.values["q99"]
    # Statistics are rounded to six digits; a column at its own end is inside.
    slack = 1e-6 + 1e-3 * (high - low)
    outside = ((unified < low - slack) | (unified > high + slack)).mean(axis=0)
    shares = {name: float(share) for name, share in zip(robot.action_names, outside, strict=True)}
    yield from _spread(robot, unified, low, high)
    worst = max(shares, key=shares.get)
    level = "failed" if shares[worst] > _SHARE_ALLOWED else "passed"
    yield Finding(
        "inside_the_range",
        level,
        f"of {len(unified)} recorded steps {100 * outside.mean():.1f} % of all values lie outside the statistics' "
        f"range, at most {100 * shares[worst]:.1f} % in one column ({worst}; allowed {100 * _SHARE_ALLOWED:.0f} %)",
        shares,
    )


def _spread(robot: Embodiment, unified: np.ndarray, low: np.ndarray, high: np.ndarray) -> Iterator[Finding]:
    """Compare how far translations and joints reach with what the statistics saw."""
    columns = [index for index, column in enumerate(robot.columns) if column.kind in ("position", "joint", "fingertip")]
    if not columns:
        return
    reach = np.quantile(np.abs(unified[:, columns]), 0.95, axis=0)
    trained = np.maximum(np.abs(low[columns]), np.abs(high[columns]))
    # Axes and arms that rest in this recording tell nothing about units.
    moved = reach > 1e-9
    if not moved.any():
        yield Finding("spread", "note", "nothing moves in these recordings: their units cannot be told")
        return
    ratio = float(np.median(reach[moved] / trained[moved]))
    if _TOO_SMALL <= ratio <= _TOO_LARGE:
        yield Finding("spread", "passed", f"translations reach {ratio:.2f} times as far as in the statistics")
        return
    words = f"{ratio:.3g} times too large" if ratio > 1.0 else f"{1.0 / ratio:.3g} times too small"
    yield Finding(
        "spread", "failed", f"translations are {words} for these statistics: {_cause(ratio, float(np.median(trained)))}"
    )


def _cause(ratio: float, half_span: float) -> str:
    """The fault that makes recorded translations wrong by this factor, by name."""
    causes = {
        1000.0: "millimetres are read as metres",
        100.0: "centimetres are read as metres",
        0.001: "metres are read as millimetres",
        0.01: "metres are read as centimetres",
        1.0 / half_span: "these look like normalised (model space) values: denormalising was forgotten",
        half_span: "these look as if they had been denormalised twice, or never normalised where they should have been",
    }
    nearest = min(causes, key=lambda factor: abs(np.log(ratio / factor)))
    if abs(np.log(ratio / nearest)) < np.log(_NAMED_WITHIN):
        return causes[nearest]
    return "the unit or the rate of the recording differs from the data behind the statistics"
