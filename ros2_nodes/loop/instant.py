"""Now, on the two clocks that a robot has."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Instant:
    """steady_s: seconds on a clock that never jumps (time.monotonic); motions live on it.
    stamp_s: seconds on the clock of message stamps (the node's clock); ages of observations are measured on it."""

    steady_s: float
    stamp_s: float
