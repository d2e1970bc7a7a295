"""The robots that are shipped: one file each in `embodiments/robots`, found by looking into that folder."""

from __future__ import annotations

import difflib
import pkgutil
from functools import cache
from importlib import import_module
from pathlib import Path

from embodiments import robots
from embodiments.embodiment import Embodiment
from embodiments.errors import EmbodimentError


def names() -> tuple[str, ...]:
    """Our names of all shipped embodiments, in alphabetical order."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(robots.__path__)))


def get(name: str | Path) -> Embodiment:
    """The embodiment of that name: ours ("droid"), a Cosmos domain name ("droid_lerobot"), or the path of a YAML file.

    Raises `EmbodimentError` with the known names for any other.
    """
    if isinstance(name, Path) or (isinstance(name, str) and name.endswith((".yaml", ".yml"))):
        from embodiments.robot_file import load

        return load(name)
    if name in names():
        return _shipped(name)
    by_alias = _aliases()
    if name in by_alias:
        return _shipped(by_alias[name])
    known = (*names(), *by_alias)
    close = difflib.get_close_matches(str(name), known, n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise EmbodimentError(
        f"there is no embodiment {name!r}{hint}; known are {', '.join(names())}, their Cosmos domain names, and "
        "the path of a robot file (.yaml)"
    )


@cache
def _shipped(name: str) -> Embodiment:
    return import_module(f"embodiments.robots.{name}").EMBODIMENT


@cache
def _aliases() -> dict[str, str]:
    """Cosmos domain name -> our name. Two robots may share a domain; only one of them answers to its name."""
    found: dict[str, str] = {}
    for name in names():
        for alias in _shipped(name).aliases:
            if alias in found or alias in names():
                raise EmbodimentError(f"the alias {alias!r} of {name!r} is taken by {found.get(alias, alias)!r}")
            found[alias] = name
    return found
