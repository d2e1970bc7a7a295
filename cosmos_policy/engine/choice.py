"""The engines by name, and how each is made from a checkpoint's folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch

from cosmos_policy.engine.offload import check_offload
from cosmos_policy.engine.request import Engine
from cosmos_policy.errors import UsageError


def make_engine(
    name: str, folder: Path, device: torch.device, dtype: torch.dtype, *, fp8: bool = False, offload: str | None = None
) -> Engine:
    """name: a key of ``ENGINES``. fp8, offload: see :func:`cosmos_policy.load`."""
    if name not in ENGINES:
        raise UsageError(f"engine {name!r} is not one of {', '.join(ENGINES)}.")
    return ENGINES[name](folder, device, dtype, fp8, offload)


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
