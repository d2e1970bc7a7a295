"""The engines by name, and how each is made from a checkpoint's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from cosmos_policy.engine.offload import check_offload
from cosmos_policy.engine.parallel.sizes import Parallel
from cosmos_policy.engine.request import Engine
from cosmos_policy.errors import UsageError


def make_engine(
    name: str,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    *,
    fp8: bool = False,
    offload: str | None = None,
    parallel: Parallel | None = None,
) -> Engine:
    """name: a key of ``ENGINES``. fp8, offload: see :func:`cosmos_policy.load`. parallel: how several devices share."""
    if name not in ENGINES:
        raise UsageError(f"engine {name!r} is not one of {', '.join(ENGINES)}.")
    if parallel is not None and parallel.processes > 1:
        return _several(name, folder, device, dtype, fp8, offload, parallel)
    return ENGINES[name](folder, device, dtype, fp8, offload)


def _several(
    name: str, folder: Path, device: torch.device, dtype: torch.dtype, fp8: bool, offload: str | None, sizes: Parallel
) -> Engine:
    from cosmos_policy.engine.parallel.launch import make_group_engine

    if name != "native" or offload is not None:
        other = f"offload={offload!r}" if name == "native" else f"engine={name!r}"
        raise UsageError(f"{sizes.describe()} and {other} do not go together; leave one of them out.")
    return make_group_engine(folder, device, dtype, fp8, sizes)


def _native(folder: Path, device: torch.device, dtype: torch.dtype, fp8: bool, offload: str | None) -> Engine:
    from cosmos_policy.engine.native import NativeEngine
    from cosmos_policy.engine.weights import load_parts

    check_offload(offload, device)
    parts = load_parts(folder, device, dtype, offloaded=offload is not None, fp8=fp8)
    return NativeEngine(parts, device, dtype, fp8=fp8, offload=offload)


def _diffusers(folder: Path, device: torch.device, dtype: torch.dtype, fp8: bool, offload: str | None) -> Engine:
    from cosmos_policy.engine.reference import ReferenceEngine
    from cosmos_policy.engine.weights import load_parts

    if fp8 or offload:
        raise UsageError('fp8 and offload are the native engine\'s; with engine="diffusers" leave them out.')
    return ReferenceEngine(load_parts(folder, device, dtype), device, dtype)


ENGINES: dict[str, Callable[[Path, torch.device, torch.dtype, bool, str | None], Engine]] = {
    "native": _native,
    "diffusers": _diffusers,
}
