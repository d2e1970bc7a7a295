"""Does this dataset fit this robot? Said before the first step, with the quantity, the numbers and the likely cause."""

from __future__ import annotations

import numpy as np

from cosmos_policy.errors import UsageError
from embodiments import Embodiment, Trajectory
from embodiments.normalizers import Normalizer

#: Share of a quantity's numbers that may lie beyond the robot's range, and how far beyond counts, in spans.
STRAY_SHARE, STRAY_MARGIN = 0.01, 0.1
#: A normalised number beyond this is outside; the default is 1, what quantile and minmax reach.
BOUNDS = {"meanstd": 3.0, "meanstd_resolver": 3.0}


def check_trajectory(robot: Embodiment, trajectory: Trajectory, what: str) -> None:
    """Raise a :class:`UsageError` where a recorded quantity lies outside what the robot can take."""
    groups = {"state": trajectory.states, "command": trajectory.commands}
    for field in (*robot.fields, *(robot.state_row_fields if robot.state_rows else ())):
        rows = np.asarray(groups[field.role].get(field.name, ()), dtype=np.float64).reshape(-1, *field.shape)
        low, high = (np.broadcast_to(bound, field.shape).astype(np.float64) for bound in (field.low, field.high))
        if not len(rows) or not (np.isfinite(low).all() and np.isfinite(high).all()):
            continue
        margin = STRAY_MARGIN * (high - low)
        stray = ((rows < low - margin) | (rows > high + margin)).mean(axis=0)
        if stray.max() > STRAY_SHARE:
            worst = np.unravel_index(int(np.argmax(stray)), field.shape)
            column = rows[(slice(None), *worst)]
            raise UsageError(
                f"The {field.role} {field.name!r} of {what} does not fit {robot.name}: number {worst[-1]} goes from "
                f"{column.min():g} to {column.max():g}, but {field.meaning} lies in {low[worst]:g} to {high[worst]:g} "
                f"{field.unit}. Is it in another unit (degrees, millimetres, 0 to 255)? Choose another embodiment, or "
                "describe the dataset in a YAML embodiment."
            )


def check_range(
    robot: Embodiment, normalizer: Normalizer, actions: np.ndarray, largest_share: float, what: str
) -> float:
    """The share of normalised numbers outside the normaliser's range; a :class:`UsageError` where it is too large.

    actions: unified, float64 [rows, D], of the training episodes. A column that the statistics hold constant is left
    out: rounding alone throws it far.
    """
    offset, scale = getattr(normalizer, "offset", None), getattr(normalizer, "scale", None)
    if offset is None or normalizer.statistics is None:
        return 0.0
    bound = BOUNDS.get(normalizer.kind, 1.0)
    normalised = (actions - offset) / scale + normalizer.shift
    outside = (np.abs(normalised) > bound * 1.05)[:, scale > 1e-4]
    share = float(outside.mean()) if outside.size else 0.0
    if share > largest_share:
        columns = np.array(robot.action_names)[scale > 1e-4]
        worst = int(np.argmax(outside.mean(axis=0)))
        raise UsageError(
            f"{what} does not fit the statistics ({normalizer.describe()}): {share:.1%} of its normalised actions lie "
            f"outside the range they were made for, most in {columns[worst]} ({outside.mean(axis=0)[worst]:.1%}); at "
            f"most {largest_share:.1%} may (normalizer.outside). Fit statistics to this dataset with normalizer: "
            "{kind: quantile}, or check its units and frames."
        )
    return share
