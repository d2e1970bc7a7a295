"""A robot that is told more than it can do stops at its stops, imagined or not."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from embodiments import Embodiment
from embodiments.commands import command_fields

#: Share of a quantity's range by which a command may lie beyond it without being counted.
ROUNDING = 0.01


def within_stops(embodiment: Embodiment, command: Mapping[str, np.ndarray]) -> tuple[dict[str, np.ndarray], bool]:
    """(one control step's command inside what the robot's quantities can be, whether more than a rounding was cut off).

    A policy's grippers and joints may lie beyond their range; a real controller ends there, and no embodiment encodes
    what lies beyond. Up to :data:`ROUNDING` of a quantity's range is no wish to go further: an open gripper at -0.003.
    """
    kept, beyond = {}, False
    for field in command_fields(embodiment):
        told = np.asarray(command[field.name], dtype=np.float64)
        kept[field.name] = np.clip(told, field.low, field.high)
        with np.errstate(invalid="ignore"):  # what has no end is never cut off
            beyond |= bool((np.abs(told - kept[field.name]) > ROUNDING * np.subtract(field.high, field.low)).any())
    return kept, beyond
