"""Robots and tasks are found by their file's name: adding one is adding one file."""

import importlib
import pkgutil
from types import ModuleType

from cosmos_policy.errors import UsageError


def names_in(package_path: list[str]) -> tuple[str, ...]:
    """Names of the modules in a package's folder, but for ``base`` and private ones; none of them is imported."""
    found = (module.name for module in pkgutil.iter_modules(package_path))
    return tuple(sorted(name for name in found if name != "base" and not name.startswith("_")))


def load(package: str, name: str, names: tuple[str, ...], kind: str) -> ModuleType:
    """The module ``package.name``.

    Raises:
        UsageError: there is none of that name; the message lists those there are.
    """
    if name not in names:
        raise UsageError(f"no {kind} is called {name!r}; there is {', '.join(names)}")
    return importlib.import_module(f"{package}.{name}")
