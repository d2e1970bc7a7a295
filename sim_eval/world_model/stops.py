"""A robot that is told more than it can do stops at its stops, imagined or not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embodiments import Embodiment
from embodiments.commands import command_fields


def within_stops(embodiment: Embodiment, command: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
    """(one control step's command inside what the robot's quantities can be, whether anything had to be cut off).

    A policy's grippers and joints may lie beyond their range; a real controller ends there, and no embodiment encodes
    what lies beyond.
    """
    kept = {
        field.name: np.clip(np.asarray(command[field.name], dtype=np.float64), field.low, field.high)
        for field in command_fields(embodiment)
    }
    return kept, any((value != command[name]).any() for name, value in kept.items())
