"""Time in messages and time in seconds."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Duration, Time


def to_stamp(seconds: float) -> Time:
    """The message of a time in seconds, 0 or later."""
    sec, nanosec = _split(seconds)
    return Time(sec=sec, nanosec=nanosec)


def to_duration(seconds: float) -> Duration:
    """The message of a duration in seconds."""
    sec, nanosec = _split(seconds)
    return Duration(sec=sec, nanosec=nanosec)


def _split(seconds: float) -> tuple[int, int]:
    """Whole seconds and nanoseconds. The fraction is taken first: today's clock in nanoseconds is no exact float."""
    whole = math.floor(seconds)
    carried, nanoseconds = divmod(round((seconds - whole) * 1e9), 10**9)
    return whole + carried, nanoseconds
