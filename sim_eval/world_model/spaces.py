"""A robot's commands and observations as Gymnasium spaces, in its own units."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from gymnasium import spaces

from embodiments import Embodiment
from embodiments.columns import Field
from embodiments.commands import command_fields

#: Declared bound of what a robot reports (m, rad, ...): nothing is clipped, and Gymnasium wants a finite number.
STATE_BOUND = 1e6


def action_space(embodiment: Embodiment, rows: int | None, workspace_m: float) -> spaces.Dict:
    """The fewest commands that say all; [rows, ...] each, float64 (None: one control step, without a time axis).

    workspace_m: positions are declared, and so sampled, within this distance of the origin on every axis. Steps do not
    enforce it.
    """
    return spaces.Dict({field.name: _box(field, rows, workspace_m) for field in command_fields(embodiment)})


def observation_space(embodiment: Embodiment, frame: np.ndarray, state: Mapping[str, np.ndarray]) -> spaces.Dict:
    """As ``observe`` in :mod:`sim_eval.world_model.world` gives it. frame, state: of any world of the environment."""
    views = embodiment.split(frame)
    return spaces.Dict(
        {
            "composed": _picture(frame),
            "images": spaces.Dict({view: _picture(image) for view, image in views.items()}),
            "state": spaces.Dict(
                {
                    name: spaces.Box(-STATE_BOUND, STATE_BOUND, np.shape(value), dtype=np.float64)
                    for name, value in state.items()
                }
            ),
        }
    )


def _picture(image: np.ndarray) -> spaces.Box:
    return spaces.Box(0, 255, image.shape, dtype=np.uint8)


def _box(field: Field, rows: int | None, workspace_m: float) -> spaces.Box:
    shape = field.shape if rows is None else (rows, *field.shape)
    low, high = (np.broadcast_to(bound, shape) for bound in (field.low, field.high))
    low, high = (np.clip(bound, -workspace_m, workspace_m) if np.isinf(bound).any() else bound for bound in (low, high))
    return spaces.Box(low.astype(np.float64), high.astype(np.float64), dtype=np.float64)
