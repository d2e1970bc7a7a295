"""What a call must cost at least: arithmetic and bytes, counted from the shapes, over what the chip was seen to do."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from cosmos_policy.engine.guidance import is_guided
from cosmos_policy.engine.layout import layout_of
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.engine.solver import Solver
from cosmos_policy.engine.weights import Parts


@dataclass(frozen=True)
class Chip:
    """What one device does at best. products: bf16 (or float32) multiply-adds counted twice, a second, on random data;
    fp8_products: the same in 8 bits, or None; bytes: memory traffic a second."""

    products: float
    fp8_products: float | None
    bytes: float


@dataclass(frozen=True)
class Floor:
    """linear, attention: floating-point operations of the denoising steps. weight_bytes: read at least, all steps.
    denoise_ms: the larger of arithmetic and traffic, step by step."""

    linear: float
    attention: float
    weight_bytes: float
    denoise_ms: float


def count_floor(
    requests: list[EngineRequest], texts: list[int], negatives: list[int], parts: Parts, chip: Chip, fp8: bool
) -> Floor:
    """The denoising floor of one batch. texts, negatives: text tokens of each request's prompts."""
    config = parts.transformer.config
    schedule = Solver(parts.scheduler, parts.native_flow).schedule(
        requests[0].sampling.num_inference_steps, requests[0].sampling.flow_shift
    )
    projections = 2 if config.hidden_act == "relu2" else 3
    heads_width = config.num_attention_heads * config.head_dim
    kv_width = config.num_key_value_heads * config.head_dim
    weights = config.num_hidden_layers * (
        config.hidden_size * (2 * heads_width + 2 * kv_width + projections * config.intermediate_size)
    )
    linear = attention = milliseconds = traffic = 0.0
    for step, timestep in enumerate(schedule.timesteps):
        step_linear = step_attention = 0.0
        for request, text, negative in zip(requests, texts, negatives, strict=True):
            tokens = layout_of(request, parts.grid).tokens
            lengths = [text, negative] if is_guided(request.sampling, step, timestep) else [text]
            step_linear += 2.0 * tokens * weights * len(lengths)
            step_attention += sum(
                4.0 * tokens * (tokens + length) * heads_width * config.num_hidden_layers for length in lengths
            )
        step_bytes = weights * (1 if fp8 else parts.transformer.dtype.itemsize)
        rate = chip.fp8_products if fp8 and chip.fp8_products else chip.products
        arithmetic = step_linear / rate + step_attention / chip.products
        milliseconds += 1e3 * max(arithmetic, step_bytes / chip.bytes)
        linear, attention, traffic = linear + step_linear, attention + step_attention, traffic + step_bytes
    return Floor(linear, attention, traffic, milliseconds)


def measure_chip(device: torch.device, dtype: torch.dtype) -> Chip:
    """Large products on random data, and a large copy, as this device does them now."""
    cuda = device.type == "cuda"
    size = 8192 if cuda else 1024
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    products = 2.0 * size**3 / _seconds(lambda: left @ right, device)
    fp8 = None
    if cuda and torch.cuda.get_device_capability(device) >= (8, 9):
        scale = torch.ones((), device=device)
        quarter, half = left.to(torch.float8_e4m3fn), right.to(torch.float8_e4m3fn).T.contiguous().T
        fp8 = (
            2.0
            * size**3
            / _seconds(lambda: torch._scaled_mm(quarter, half, scale, scale, out_dtype=torch.bfloat16), device)
        )
    room = torch.empty((1 << 30) if cuda else (1 << 26), dtype=torch.uint8, device=device)
    target = torch.empty_like(room)
    return Chip(products, fp8, 2.0 * room.numel() / _seconds(lambda: target.copy_(room), device))


def _seconds(work, device: torch.device, repeats: int = 10) -> float:
    import time

    for _ in range(3):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    started = time.perf_counter()
    for _ in range(repeats):
        work()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return (time.perf_counter() - started) / repeats
