"""How figures are written."""

from __future__ import annotations

DIGITS = 6


def rounded(value: float) -> float:
    """Six significant digits: more than any figure here is worth, and the same text on every machine."""
    return float(f"{float(value):.{DIGITS}g}")
