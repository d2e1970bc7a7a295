"""What this device can do, tried once, so that every faster path has a plain one behind it."""

from __future__ import annotations

import importlib.util
import logging

import torch

from cosmos_policy.engine.operations import Operations, PlainOperations
from cosmos_policy.errors import UsageError

logger = logging.getLogger(__name__)

#: what one pass of the autoencoder may use: on a GPU at most this, and at most this share of what is free
AUTOENCODER_BYTES = 8 << 30
AUTOENCODER_SHARE = 0.25
FP8_CAPABILITY = (8, 9)


def choose_operations(device: torch.device) -> Operations:
    """Triton kernels where they compile and run, plain torch elsewhere."""
    plain = PlainOperations()
    if device.type != "cuda" or importlib.util.find_spec("triton") is None:
        return plain
    from cosmos_policy.engine.kernels import TritonOperations

    try:
        trial = torch.ones(2, 64, device=device)
        TritonOperations().norm(trial, trial[0], 1e-6, False)
        torch.cuda.synchronize(device)
    except Exception as error:  # a missing compiler or driver shows in many ways; none of them may stop the robot
        logger.warning("Triton kernels do not run here, so plain torch is used, which is slower: %r", error)
        return plain
    return TritonOperations()


def check_fp8(device: torch.device, dtype: torch.dtype) -> None:
    """Raise a :class:`UsageError` where `device` has no 8-bit products with one scale a row."""
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < FP8_CAPABILITY:
        raise UsageError("fp8 needs an NVIDIA GPU of compute capability 8.9 or more (Ada, Hopper, ...); leave it out.")
    if dtype != torch.bfloat16:
        raise UsageError(f"fp8 works beside bfloat16, not {dtype}; load with dtype='bfloat16'.")


def autoencoder_bytes(device: torch.device) -> int:
    """Memory that one pass of the autoencoder may use on `device`. A CPU is fastest in small passes."""
    if device.type != "cuda":
        return 0
    free, _ = torch.cuda.mem_get_info(device)
    return int(min(AUTOENCODER_BYTES, AUTOENCODER_SHARE * free))
