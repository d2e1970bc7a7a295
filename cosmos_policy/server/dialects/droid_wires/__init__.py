"""The openpi wire as its known DROID clients speak it, one module each; a module with ``WIRE`` adds a dialect.

They share one port, one greeting and one robot, ``droid_joint``; they differ in the keys they send and in how they
reset. A message is read by the first dialect, in the order of `rank`, that knows it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from cosmos_policy.server.dialects.droid_wires.base import DroidWire


@cache
def all_wires() -> tuple[DroidWire, ...]:
    """Every dialect in this folder, in the order in which they are asked."""
    modules = [importlib.import_module(f"{__name__}.{entry.name}") for entry in pkgutil.iter_modules(__path__)]
    return tuple(sorted((module.WIRE for module in modules if hasattr(module, "WIRE")), key=lambda wire: wire.rank))
