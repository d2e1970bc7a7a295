"""How smoothly commands run: jerk within a chunk, and the jump where one chunk takes over from another."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from sim_eval.metrics.actions import display_unit, pose_distance

#: Actions that a third difference needs.
FEWEST_ACTIONS = 3


def jerk(embodiment: Any, unified: np.ndarray, state: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Root mean square of the third derivative of commanded paths, one number a block.

    unified: [T, D], executed from `state`. Pose blocks: of the position in the base frame, ``<block>_jerk_m_s3``
    (m/s^3). Joints: ``<block>_jerk_deg_s3`` (deg/s^3, all joints together). Third differences times the rate cubed;
    blocks of other kinds, and chunks of fewer than three actions, have none.
    """
    found: dict[str, float] = {}
    paths = embodiment.integrate(unified, state)
    for block in embodiment.blocks:
        if block.kind == "pose":
            path, name = paths[block.name][:, :3, 3], f"{block.name}_jerk_m_s3"
        elif block.kind == "joints":
            column = embodiment.columns[block.columns][0]
            path, name = (
                unified[:, block.columns] * display_unit(column.kind, column.unit)[0],
                f"{block.name}_jerk_deg_s3",
            )
        else:
            continue
        if len(path) > FEWEST_ACTIONS:
            third = np.diff(path, n=3, axis=0) * embodiment.fps**3
            found[name] = float(np.sqrt(np.mean(np.sum(third**2, axis=-1))))
    return found


def seam(
    embodiment: Any,
    before: tuple[np.ndarray, Mapping[str, np.ndarray]],
    after: tuple[np.ndarray, Mapping[str, np.ndarray]],
    executed: int,
) -> dict[str, float]:
    """The jump from the last executed command of one chunk to the first of the next, one number a quantity.

    before, after: (unified [T, D], the state that it starts from). executed: actions of `before` that run until `after`
    takes over, 1 to T. Poses: ``<block>_seam_mm`` and ``<block>_seam_deg``; joints: ``<block>_seam_deg`` (the largest).
    A smooth motion has a jump too: that of one ordinary step.
    """
    (first, first_state), (second, second_state) = before, after
    if not 1 <= executed <= len(first):
        raise ValueError(f"{executed} executed actions do not fit a chunk of {len(first)}.")
    last, next_ = embodiment.integrate(first, first_state), embodiment.integrate(second, second_state)
    found: dict[str, float] = {}
    for block in embodiment.blocks:
        if block.kind == "pose":
            distance, angle = pose_distance(last[block.name][executed], next_[block.name][1])
            found[f"{block.name}_seam_mm"], found[f"{block.name}_seam_deg"] = float(distance), float(angle)
        elif block.kind == "joints":
            column = embodiment.columns[block.columns][0]
            factor, _ = display_unit(column.kind, column.unit)
            change = (second[0, block.columns] - first[executed - 1, block.columns]) * factor
            found[f"{block.name}_seam_deg"] = float(np.abs(change).max())
    return found
