"""Every client's way of speaking, one module each. A module with ``routes(service)`` adds HTTP routes or a WebSocket.

Dialects translate to typed requests and back. None of them knows the scheduler or the worker.
"""

from __future__ import annotations

import importlib
import pkgutil

from fastapi import APIRouter

from cosmos_policy.server.service import Service


def all_routes(service: Service) -> list[APIRouter]:
    """The routes of every module in this folder, in alphabetical order."""
    found = []
    for entry in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{entry.name}")
        if hasattr(module, "routes"):
            found.append(module.routes(service))
    return found
