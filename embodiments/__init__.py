"""Robots as data: what a robot senses, what it commands, and the exact map to the Cosmos 3 action space and back.

    >>> import embodiments
    >>> droid = embodiments.get("droid")
    >>> unified = droid.encode(trajectory)          # recorded robot data -> [T, D], SI units
    >>> commands = droid.decode(unified, state)     # [T, D] -> absolute commands of that robot

The package imports in a few milliseconds: numpy is loaded with the first robot, scipy with the first rotation,
pydantic and yaml with the first YAML robot. It never imports torch and runs on Python 3.10 and later.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from embodiments.columns import Column
    from embodiments.conformance import check
    from embodiments.datasets import DatasetLayout
    from embodiments.embodiment import Embodiment
    from embodiments.errors import EmbodimentError
    from embodiments.registry import get, names
    from embodiments.robot_file import load
    from embodiments.trajectory import Trajectory

_HOME = {
    "Column": "embodiments.columns",
    "DatasetLayout": "embodiments.datasets",
    "Embodiment": "embodiments.embodiment",
    "EmbodimentError": "embodiments.errors",
    "Trajectory": "embodiments.trajectory",
    "check": "embodiments.conformance",
    "get": "embodiments.registry",
    "load": "embodiments.robot_file",
    "names": "embodiments.registry",
}

__all__ = [
    "Column",
    "DatasetLayout",
    "Embodiment",
    "EmbodimentError",
    "Trajectory",
    "check",
    "get",
    "load",
    "names",
]


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562), so that the bare import stays in the milliseconds."""
    if name not in _HOME:
        raise AttributeError(f"module 'embodiments' has no attribute {name!r}; it has {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
