"""When a task is done, where robosuite has no criterion of its own for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from sim_eval.physics.environment import PhysicsEnvironment

Criterion = Callable[["PhysicsEnvironment"], bool]


def raised(name: str, height_m: float) -> Criterion:
    """An object is at least so much higher than when the scene began."""

    def done(environment: PhysicsEnvironment) -> bool:
        return bool(environment.object_pose(name)[2, 3] - environment.start_pose(name)[2, 3] >= height_m)

    return done


def hovering(name: str, low_m: float, high_m: float, beside_m: float) -> Criterion:
    """The open gripper's tips are between ``low_m`` and ``high_m`` above an object that was left where it was, and at
    most ``beside_m`` beside it."""

    def done(environment: PhysicsEnvironment) -> bool:
        place, start = environment.object_pose(name)[:3, 3], environment.start_pose(name)[:3, 3]
        away = environment.grip_point() - place
        open_and_away = environment.state().gripper_position < 0.3 and np.linalg.norm(place - start) < 0.01
        return bool(open_and_away and low_m <= away[2] <= high_m and np.linalg.norm(away[:2]) <= beside_m)

    return done


def stacked(upper: str, lower: str, span_m: float) -> Criterion:
    """One object stands on another, let go. span_m: between their centres."""

    def done(environment: PhysicsEnvironment) -> bool:
        apart = environment.object_pose(upper)[:3, 3] - environment.object_pose(lower)[:3, 3]
        let_go = np.linalg.norm(environment.grip_point() - environment.object_pose(upper)[:3, 3]) > 0.06
        return bool(let_go and abs(apart[2] - span_m) < 0.008 and np.linalg.norm(apart[:2]) < 0.03)

    return done
