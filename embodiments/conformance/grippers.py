"""Which end of a gripper is open: the fault that stays unseen until nothing is grasped."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from embodiments.blocks import GripperBlock
from embodiments.conformance.report import Finding
from embodiments.embodiment import Embodiment
from embodiments.trajectory import Trajectory


def _grippers(robot: Embodiment) -> tuple[GripperBlock, ...]:
    return tuple(block for block in robot.blocks if isinstance(block, GripperBlock))


def polarity(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """In every Cosmos 3 robot the larger model value is the open gripper; and the ends map onto each other."""
    if not _grippers(robot):
        yield Finding("polarity", "passed", "this robot has no gripper")
        return
    for block in _grippers(robot):
        ends = block.value_map
        opened, closed = (float(ends.to_model(np.array([end]))[0]) for end in (ends.robot_open, ends.robot_closed))
        if opened <= closed:
            yield Finding(
                "polarity",
                "failed",
                f"{block.name!r}: open ({ends.robot_open:g} {ends.robot_unit}) becomes {opened:g} and closed "
                f"({ends.robot_closed:g}) becomes {closed:g} in the model; Cosmos 3 was trained with the larger value "
                "for an open gripper, so this one would close when it should open: exchange the model's ends",
            )
            continue
        back = [float(ends.to_robot(np.array([value]))[0]) for value in (opened, closed)]
        error = max(abs(back[0] - ends.robot_open), abs(back[1] - ends.robot_closed))
        level = "passed" if error < 1e-9 * max(1.0, abs(ends.robot_open), abs(ends.robot_closed)) else "failed"
        yield Finding(
            "polarity",
            level,
            f"{block.name!r}: robot {ends.robot_open:g} open, {ends.robot_closed:g} closed ({ends.robot_unit}) <-> "
            f"model {opened:g}, {closed:g}; the ends come back within {error:.0e}",
        )


def ranges(robot: Embodiment, recorded: tuple[Trajectory, ...]) -> Iterator[Finding]:
    """Open and closed fit what the statistics saw of that column: a unit that differs shows here."""
    statistics = robot.normalizer.statistics
    if statistics is None or not {"q01", "q99"} <= statistics.values.keys():
        return
    for block in _grippers(robot):
        column = block.columns.start
        low, high = statistics.values["q01"][column], statistics.values["q99"][column]
        ends = block.value_map
        travel = [float(ends.to_model(np.array([end]))[0]) for end in (ends.robot_closed, ends.robot_open)]
        ratio = (travel[1] - travel[0]) / max(high - low, 1e-12)
        # A gripper that never opened fully in the data spans less than its travel, never much more.
        if not 0.5 <= abs(ratio) <= 3.0:
            yield Finding(
                "ranges",
                "failed",
                f"{block.name!r} travels from {travel[0]:g} to {travel[1]:g} in model units, but the statistics run "
                f"from {low:g} to {high:g}, {abs(ratio):.3g} times less: the unit of one of them is wrong",
            )
        else:
            yield Finding(
                "ranges", "passed", f"{block.name!r} travels {travel[0]:g}..{travel[1]:g}, statistics {low:g}..{high:g}"
            )
