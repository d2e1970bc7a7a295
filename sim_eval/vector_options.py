"""What every vector environment here takes: how it resets by itself, which of its worlds a reset means, and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode

from cosmos_policy.errors import UsageError


def known_autoreset_mode(wanted: str | AutoresetMode) -> AutoresetMode:
    """The mode of that name; a :class:`UsageError` names those there are."""
    try:
        return AutoresetMode(wanted)
    except ValueError:
        known = ", ".join(mode.value for mode in AutoresetMode)
        raise UsageError(f"autoreset_mode {wanted!r} does not exist; choose {known}.") from None


def checked_reset_mask(mask: Any, number: int) -> np.ndarray:
    """``options["reset_mask"]``, bool ``[number]``; None means all."""
    if mask is None:
        return np.ones(number, dtype=bool)
    if not isinstance(mask, np.ndarray) or mask.shape != (number,) or mask.dtype != bool or not mask.any():
        raise UsageError(f"options['reset_mask'] must be a bool array of shape ({number},) with at least one True.")
    return mask


def seed_each(seed: int | Sequence[int | None] | None, number: int) -> list[int | None]:
    """A seed for each world: of one seed s the seeds s, s + 1, ...; of none, none; a list names each."""
    if seed is None:
        return [None] * number
    if isinstance(seed, (int, np.integer)):
        return [int(seed) + index for index in range(number)]
    seeds = [None if one is None else int(one) for one in seed]
    if len(seeds) != number:
        raise UsageError(f"reset was given {len(seeds)} seeds for {number} worlds; expected one each.")
    return seeds
