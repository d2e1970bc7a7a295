"""A Ray cluster to work on: one that runs, or one of this machine alone."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from cosmos_policy.cluster.names import NAMESPACE
from cosmos_policy.errors import Failure, UsageError

AUTO, LOCAL = "auto", "local"
MEBIBYTE = 2**20
#: For pictures on their way between processes of one machine; Ray's own choice, a third of the memory, is for data.
LOCAL_STORE_BYTES = 512 * MEBIBYTE


def import_ray() -> ModuleType:
    """Ray, or one sentence that says how to get it."""
    # Neither belongs to what a user asked for: statistics sent to Ray's makers, and `uv run` again in every worker.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0")
    try:
        import ray
    except ImportError:
        raise UsageError("--ray needs Ray: install cosmos-policy[ray] (Linux, Python 3.12).") from None
    return ray


@contextlib.contextmanager
def connected(address: str) -> Iterator[ModuleType]:
    """Ray, connected to `address`: host:port of a cluster's head; "auto": one that runs here, or else a new one;
    "local": a new one of this machine alone. A new one ends with the block. Raises :class:`Failure` where nobody
    answers."""
    if _is_here(address) and (Path.home() / ".ray" / "auth_token").exists():
        # Ray sends its token by itself to "auto" alone; this machine's own cluster may have it by its address too.
        os.environ.setdefault("RAY_AUTH_MODE", "token")
    ray = import_ray()
    if address.startswith("ray://"):
        raise UsageError(
            f"--ray {address} is the address of Ray's client proxy; name the head's own (host:6379), and run this on a "
            "machine of the cluster."
        )
    options = {"namespace": NAMESPACE, "logging_level": logging.WARNING, "log_to_driver": False}
    here = {"include_dashboard": False, "object_store_memory": LOCAL_STORE_BYTES}
    try:
        if address == AUTO:
            try:
                ray.init("auto", **options)
            except ConnectionError:
                ray.init("local", **options, **here)
        else:
            ray.init(address, **options, **(here if address == LOCAL else {}))
    except Exception as error:  # Ray raises bare exceptions where a node does not start in time
        raise Failure(
            f"No Ray cluster could be reached or started at {address!r}: {str(error)[:300]} (One that asks for a token "
            "gets it where RAY_AUTH_MODE=token is set, from ~/.ray/auth_token.)"
        ) from None
    try:
        yield ray
    finally:
        ray.shutdown()


def _is_here(address: str) -> bool:
    host = address.rpartition(":")[0]
    if not host:
        return False
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((host, 0))  # only an address of this machine can be bound
    except OSError:
        return False
    return True


def require_resources(ray: ModuleType, wanted: dict[str, float], what: str) -> None:
    """Raise one sentence where the cluster as a whole is too small for `wanted` (name -> number)."""
    there = ray.cluster_resources()
    for name, number in wanted.items():
        if number > there.get(name, 0.0) + 1e-6:
            raise UsageError(
                f"{what} need {number:g} {name}, and the cluster has {there.get(name, 0.0):g}: ask for fewer, or for "
                "less of it each, or add machines."
            )
