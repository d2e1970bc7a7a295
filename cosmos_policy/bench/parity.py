"""How far a path's answer is from a float32 run of the same weights, beside how far diffusers' own bf16 run is."""

from __future__ import annotations

import copy
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import torch

from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.request import Engine, EngineRequest
from cosmos_policy.engine.weights import Parts


@contextmanager
def in_float32(parts: Parts) -> Iterator[Parts]:
    """A float32 copy of the weights, let go afterwards; convolutions keep all their bits meanwhile. What is made of
    the copy must be dropped before the end."""
    wide = replace(parts, transformer=copy.deepcopy(parts.transformer).float(), vae=copy.deepcopy(parts.vae).float())
    tf32 = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # convolutions of ten bits would hide what is compared
    try:
        yield wide
    finally:
        torch.backends.cudnn.allow_tf32 = tf32
        del wide
        gc.collect()  # diffusers' pipeline refers to itself
        if parts.transformer.device.type == "cuda":
            torch.cuda.empty_cache()


def float32_rows(parts: Parts, requests: Sequence[EngineRequest]) -> tuple[list[np.ndarray], float]:
    """The action rows of diffusers' pipeline in float32; and the largest relative error of the native engine in float32
    against them."""
    device = parts.transformer.device
    with in_float32(parts) as wide:
        exact = [result.rows for result in ReferenceEngine(wide, device, torch.float32).run(requests)]
        native = NativeEngine(wide, device, torch.float32)
        error = max(
            (relative_error(native, request, rows) for request, rows in zip(requests, exact, strict=True)), default=0.0
        )
        del native, wide
    return exact, error


def relative_error(engine: Engine, request: EngineRequest, exact: np.ndarray) -> float:
    """Root mean square of (rows - exact), over that of exact."""
    return relative_distance(engine.run([request])[0].rows, exact)


def relative_distance(rows: np.ndarray, exact: np.ndarray) -> float:
    """Root mean square of (rows - exact), over that of exact."""
    difference = rows.astype(np.float64) - exact
    return float(np.sqrt(np.mean(difference**2) / np.mean(exact.astype(np.float64) ** 2)))
