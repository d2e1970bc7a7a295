"""Paths are followed by somebody else's controller: they are judged, never changed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embodiments import rotations
from ros2_nodes.contract import PathOutput, RobotContract
from ros2_nodes.reasons import Cause, Reason


def path_causes(contract: RobotContract, commands: Mapping[str, np.ndarray], step_s: float) -> tuple[Cause, ...]:
    """What speaks against a chunk's paths: steps that are farther or turn more than the limits allow."""
    found: list[Cause] = []
    for name, output in contract.outputs.items():
        if not isinstance(output, PathOutput):
            continue
        limits = contract.limits[name]
        speed = (
            np.linalg.norm(np.diff(commands[f"{output.command}_position"], axis=0), axis=-1).max(initial=0.0) / step_s
        )
        turned = rotations.to_matrix(commands[f"{output.command}_quaternion_xyzw"], "quaternion_xyzw")
        steps = rotations.from_matrix(np.swapaxes(turned[:-1], -1, -2) @ turned[1:], "axis_angle")
        rate = np.linalg.norm(steps, axis=-1).max(initial=0.0) / step_s
        for value, limit, unit in ((speed, limits.velocity, "m/s"), (rate, limits.angular_velocity, "rad/s")):
            if value > limit:
                found.append(
                    Cause(Reason.VELOCITY_LIMIT, f"{name} would go at {value:.2f} {unit}, more than {limit:g}")
                )
    return tuple(found)
