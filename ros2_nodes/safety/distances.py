"""Whether two positions that should be near each other are."""

from __future__ import annotations

import numpy as np

from ros2_nodes.reasons import Cause, Reason


def jump_causes(
    wanted: np.ndarray, under_way: np.ndarray, names: tuple[str, ...], tolerance: float
) -> tuple[Cause, ...]:
    """What speaks against a chunk whose next action is `wanted` where the motion under way will be at `under_way`."""
    return farther(wanted, under_way, names, tolerance, Reason.JUMP, "the new chunk is")


def tracking_causes(
    measured: np.ndarray, commanded: np.ndarray, names: tuple[str, ...], tolerance: float
) -> tuple[Cause, ...]:
    """Whether the robot is where it was told to be, [N] each."""
    return farther(measured, commanded, names, tolerance, Reason.TRACKING_ERROR, "the robot is")


def farther(
    here: np.ndarray, there: np.ndarray, names: tuple[str, ...], tolerance: float, reason: Reason, what: str
) -> tuple[Cause, ...]:
    distance = np.abs(here - there)
    if distance.size == 0 or (distance <= tolerance).all():  # NaN is not near
        return ()
    axis = int(np.nanargmax(np.where(np.isfinite(distance), distance, np.inf)))
    detail = f"{what} {distance[axis]:.3f} from where {names[axis]} is to be, more than {tolerance:g}"
    return (Cause(reason, detail),)
