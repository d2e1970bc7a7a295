"""Questions that Cosmos 3 was trained to answer, by name, each with a typed answer.

One file each: a new one is found by the ``TASK`` in it.
"""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.tasks.task import Task


@cache
def tasks() -> dict[str, Task]:
    """name -> task, of every module in this folder that has one."""
    found = {}
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        if hasattr(module, "TASK"):
            found[module.TASK.name] = module.TASK
    return dict(sorted(found.items()))


def find_task(name: str) -> Task:
    """The task of that name; an unknown one lists those there are."""
    if name not in tasks():
        raise UsageError(f"There is no task {name!r}; expected one of {', '.join(tasks())}.")
    return tasks()[name]
