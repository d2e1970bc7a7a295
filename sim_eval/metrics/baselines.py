"""What a robot without a model would have done: the yardsticks that a prediction has to beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from embodiments import EmbodimentError, Trajectory, rotations

#: kind of block -> its columns when nothing moves; every other kind holds absolute values, which are kept
NO_MOTION: Mapping[str, Callable[[Any], np.ndarray]] = {
    "pose": lambda block: _no_turn("rot6d"),
    "pose_delta": lambda block: _no_turn(block.representation),
}


def hold_still(
    embodiment: Any, recording: Trajectory, actions: np.ndarray, start: int, horizon: int
) -> np.ndarray | None:
    """Poses and joints stay where they are; grippers and all else keep their last command (at the start: their state).

    recording: the whole episode. actions: its unified actions [N-1, D]. Returns [horizon, D], or None at the start of
    an episode where the embodiment cannot say what its state is as an action.
    """
    state_row = _state_as_action(embodiment, recording, start)
    row = actions[start - 1].copy() if start > 0 else state_row
    if row is None:
        return None
    for block in embodiment.blocks:
        if block.kind in NO_MOTION:
            row[block.columns] = NO_MOTION[block.kind](block)
        elif block.kind == "joints" and state_row is not None:
            row[block.columns] = state_row[block.columns]
    return np.tile(row, (horizon, 1))


def repeat_last_action(
    embodiment: Any, recording: Trajectory, actions: np.ndarray, start: int, horizon: int
) -> np.ndarray | None:
    """The action before the window, again and again; None at the start of an episode, where there is none before."""
    return None if start == 0 else np.tile(actions[start - 1], (horizon, 1))


#: name -> baseline; each gives unified actions [horizon, D] for a window of a recorded episode, or None
ACTION_BASELINES: Mapping[str, Callable[..., np.ndarray | None]] = {
    "hold_still": hold_still,
    "repeat_last_action": repeat_last_action,
}


def _no_turn(representation: str) -> np.ndarray:
    """No translation and the identity rotation."""
    return np.concatenate([np.zeros(3), rotations.from_matrix(np.eye(3), representation)])


def _state_as_action(embodiment: Any, recording: Trajectory, row: int) -> np.ndarray | None:
    """The present state written as an action row, [D]."""
    try:
        return np.array(embodiment.encode_state(recording.state_at(row)))[-1]
    except EmbodimentError:
        return None
