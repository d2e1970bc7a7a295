"""Time in messages and time in seconds."""

from __future__ import annotations

from builtin_interfaces.msg import Duration, Time


def to_seconds(stamp: Time) -> float:
    """Seconds of a message's stamp; float64 keeps 0.2 microseconds of today's clock."""
    return stamp.sec + 1e-9 * stamp.nanosec


def to_stamp(seconds: float) -> Time:
    """The message of a time in seconds, 0 or later."""
    nanoseconds = round(seconds * 1e9)
    return Time(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)


def to_duration(seconds: float) -> Duration:
    """The message of a duration in seconds."""
    nanoseconds = round(seconds * 1e9)
    return Duration(sec=nanoseconds // 10**9, nanosec=nanoseconds % 10**9)
