"""The openpi wire as its known clients speak it, one module each; a module with ``WIRE`` adds a dialect.

They share one port and one form of messages; they differ in the robots they are for, in the keys they send, in the rows
they read, and in how they reset. A message is read by the first dialect for the served robot, in the order of `rank`,
that knows it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from cosmos_policy.server.dialects.openpi_wires.base import OpenPiWire
from embodiments import Embodiment


@cache
def all_wires() -> tuple[OpenPiWire, ...]:
    """Every dialect in this folder, in the order in which they are asked."""
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    return tuple(sorted((module.WIRE for module in modules if hasattr(module, "WIRE")), key=lambda wire: wire.rank))


def wires_for(robot: Embodiment) -> tuple[OpenPiWire, ...]:
    """The dialects for `robot`; the last one of them knows every message."""
    return tuple(wire for wire in all_wires() if wire.serves(robot))
