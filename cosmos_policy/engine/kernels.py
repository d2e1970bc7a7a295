"""The :class:`~cosmos_policy.engine.operations.Operations` as Triton kernels: one pass over memory each.

Everything reduces in float32 and rounds once. A row is one program; rows of the networks that these serve have up to
16,384 numbers, which fit the registers of one thread block. They compile in seconds, for every number of rows at once.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from cosmos_policy.engine.operations import FP8, FP8_LARGEST, Heads, PlainOperations, Scaled

#: heads that one program of ``rotate_heads`` takes
HEAD_BLOCK = 8
#: numbers that one program of ``norm_silu`` takes, at least one pixel's channels
PIXEL_BLOCK = 8192


@triton.jit
def _store(row, columns, width, values, out, scales, fp8: tl.constexpr, largest: tl.constexpr):
    """One row of `values`, as it is or scaled to 8-bit floats."""
    inside = columns < width
    if fp8:
        scale = tl.maximum(tl.max(tl.abs(values), 0), 1e-12) / largest
        tl.store(scales + row, scale)
        values = tl.minimum(tl.maximum(values / scale, -largest), largest)
    tl.store(out + row * width + columns, values.to(out.dtype.element_ty), mask=inside)


@triton.jit
def _norm_kernel(
    x, update, total, weight, out, scales, eps,
    width: tl.constexpr, block: tl.constexpr, add: tl.constexpr, fp8: tl.constexpr, largest: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, block)
    inside = columns < width
    values = tl.load(x + row * width + columns, mask=inside, other=0.0).to(tl.float32)
    if add:
        values += tl.load(update + row * width + columns, mask=inside, other=0.0).to(tl.float32)
        rounded = values.to(total.dtype.element_ty)
        tl.store(total + row * width + columns, rounded, mask=inside)
        values = rounded.to(tl.float32)
    inverse = tl.rsqrt(tl.sum(values * values, 0) / width + eps)
    values = values * inverse * tl.load(weight + columns, mask=inside, other=0.0).to(tl.float32)
    _store(row, columns, width, values, out, scales, fp8, largest)


@triton.jit
def _gate_kernel(
    hidden, out, scales,
    width: tl.constexpr, block: tl.constexpr, gated: tl.constexpr, fp8: tl.constexpr, largest: tl.constexpr,
):  # fmt: skip
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, block)
    inside = columns < width
    if gated:
        gate = tl.load(hidden + row * 2 * width + columns, mask=inside, other=0.0).to(tl.float32)
        up = tl.load(hidden + row * 2 * width + width + columns, mask=inside, other=0.0).to(tl.float32)
        values = gate * tl.sigmoid(gate) * up
    else:
        values = tl.maximum(tl.load(hidden + row * width + columns, mask=inside, other=0.0).to(tl.float32), 0.0)
        values = values * values
    _store(row, columns, width, values, out, scales, fp8, largest)


@triton.jit
def _quantize_kernel(x, out, scales, width: tl.constexpr, block: tl.constexpr, largest: tl.constexpr):
    row = tl.program_id(0).to(tl.int64)
    columns = tl.arange(0, block)
    values = tl.load(x + row * width + columns, mask=columns < width, other=0.0).to(tl.float32)
    _store(row, columns, width, values, out, scales, True, largest)


@triton.jit
def _rotate_kernel(
    qkv, query_weight, key_weight, table, slots, queries, keys, values, eps,
    count: tl.constexpr, kv_count: tl.constexpr, size: tl.constexpr, head_block: tl.constexpr,
):  # fmt: skip
    token = tl.program_id(0).to(tl.int64)
    group = tl.program_id(1)
    query_groups: tl.constexpr = (count + head_block - 1) // head_block
    key_groups: tl.constexpr = (kv_count + head_block - 1) // head_block
    half: tl.constexpr = size // 2
    width: tl.constexpr = (count + 2 * kv_count) * size
    lanes = tl.arange(0, half)
    heads = tl.arange(0, head_block)
    slot = tl.load(slots + token)
    if group < query_groups + key_groups:
        if group < query_groups:
            heads += group * head_block
            inside = (heads < count)[:, None] & (lanes < half)[None, :]
            start = qkv + token * width
            out = queries + token * count * size
            weight = query_weight
        else:
            heads += (group - query_groups) * head_block
            inside = (heads < kv_count)[:, None] & (lanes < half)[None, :]
            start = qkv + token * width + count * size
            out = keys + slot * kv_count * size
            weight = key_weight
        places = heads[:, None] * size + lanes[None, :]
        low = tl.load(start + places, mask=inside, other=0.0).to(tl.float32)
        high = tl.load(start + places + half, mask=inside, other=0.0).to(tl.float32)
        inverse = tl.rsqrt((tl.sum(low * low, 1) + tl.sum(high * high, 1)) / size + eps)[:, None]
        low = low * inverse * tl.load(weight + lanes).to(tl.float32)[None, :]
        high = high * inverse * tl.load(weight + half + lanes).to(tl.float32)[None, :]
        cos = tl.load(table + token * 2 * size + lanes)[None, :]
        sin = tl.load(table + token * 2 * size + size + lanes)[None, :]
        kind = queries.dtype.element_ty
        tl.store(out + places, (low * cos - high * sin).to(kind), mask=inside)
        tl.store(out + places + half, (high * cos + low * sin).to(kind), mask=inside)
    else:
        heads += (group - query_groups - key_groups) * head_block
        places = heads[:, None] * size + lanes[None, :]
        inside = (heads < kv_count)[:, None] & (lanes < half)[None, :]
        start = qkv + token * width + (count + kv_count) * size
        out = values + slot * kv_count * size
        tl.store(out + places, tl.load(start + places, mask=inside), mask=inside)
        tl.store(out + places + half, tl.load(start + places + half, mask=inside), mask=inside)


@triton.jit
def _norm_silu_kernel(
    x, gamma, out, pixels, clip_pixels, front_pixels, scale,
    width: tl.constexpr, block: tl.constexpr, pixel_block: tl.constexpr,
):  # fmt: skip
    pixel = tl.program_id(0).to(tl.int64) * pixel_block + tl.arange(0, pixel_block)
    columns = tl.arange(0, block)
    inside = (pixel < pixels)[:, None] & (columns < width)[None, :]
    values = tl.load(x + pixel[:, None] * width + columns[None, :], mask=inside, other=0.0).to(tl.float32)
    length = tl.maximum(tl.sqrt(tl.sum(values * values, 1)), 1e-12)[:, None]
    values = values / length * scale * tl.load(gamma + columns, mask=columns < width, other=0.0).to(tl.float32)[None, :]
    values = values * tl.sigmoid(values)
    target = pixel + (pixel // clip_pixels + 1) * front_pixels
    tl.store(out + target[:, None] * width + columns[None, :], values.to(out.dtype.element_ty), mask=inside)


class TritonOperations(PlainOperations):
    """:class:`~cosmos_policy.engine.operations.Operations` on an NVIDIA GPU."""

    name = "Triton kernels"

    def norm(self, x, weight, eps, fp8):
        return self._norm(x, None, weight, eps, fp8)[1]

    def add_norm(self, x, update, weight, eps, fp8):
        return self._norm(x, update, weight, eps, fp8)

    def _norm(self, x, update, weight, eps, fp8):
        rows, width = x.shape
        out, scales = _result(x, width, fp8)
        total = x if update is None else torch.empty_like(x)
        if rows:
            block = triton.next_power_of_2(width)
            _norm_kernel[(rows,)](
                x, x if update is None else update, total, weight, out, scales, eps,
                width, block, update is not None, fp8, FP8_LARGEST, num_warps=_warps(block),
            )  # fmt: skip
        return total, Scaled(out, scales) if fp8 else out

    def gate(self, hidden, gated, fp8):
        width = hidden.shape[1] // (2 if gated else 1)
        out, scales = _result(hidden, width, fp8)
        if len(hidden):
            block = triton.next_power_of_2(width)
            _gate_kernel[(len(hidden),)](
                hidden, out, scales, width, block, gated, fp8, FP8_LARGEST, num_warps=_warps(block)
            )
        return Scaled(out, scales) if fp8 else out

    def quantize(self, x):
        out, scales = _result(x, x.shape[1], True)
        if len(x):
            block = triton.next_power_of_2(x.shape[1])
            _quantize_kernel[(len(x),)](
                x.contiguous(), out, scales, x.shape[1], block, FP8_LARGEST, num_warps=_warps(block)
            )
        return Scaled(out, scales)

    def rotate_heads(self, qkv, heads: Heads, table, slots, keys, values):
        queries = qkv.new_empty(len(qkv), heads.count, heads.size)
        groups = triton.cdiv(heads.count, HEAD_BLOCK) + 2 * triton.cdiv(heads.kv_count, HEAD_BLOCK)
        _rotate_kernel[(len(qkv), groups)](
            qkv, heads.query, heads.key, table, slots, queries, keys, values, heads.eps,
            heads.count, heads.kv_count, heads.size, HEAD_BLOCK, num_warps=1,
        )  # fmt: skip
        return queries

    def norm_silu(self, x, gamma, front):
        batch, width, frames, height, columns = x.shape
        x = x.contiguous(memory_format=torch.channels_last_3d)
        out = torch.empty(
            (batch, width, frames + front, height, columns),
            dtype=x.dtype,
            device=x.device,
            memory_format=torch.channels_last_3d,
        )
        if front:
            out[:, :, :front].zero_()
        block = triton.next_power_of_2(width)
        pixel_block = max(PIXEL_BLOCK // block, 1)
        pixels = batch * frames * height * columns
        _norm_silu_kernel[(triton.cdiv(pixels, pixel_block),)](
            x, gamma, out, pixels, frames * height * columns, front * height * columns, width**0.5,
            width, block, pixel_block, num_warps=8,
        )  # fmt: skip
        return out


def _result(x: torch.Tensor, width: int, fp8: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Room for [rows, width] numbers, and for the rows' scales (unused without fp8)."""
    out = torch.empty(x.shape[0], width, dtype=FP8 if fp8 else x.dtype, device=x.device)
    return out, torch.empty(x.shape[0] if fp8 else 0, 1, dtype=torch.float32, device=x.device)


def _warps(block: int) -> int:
    """Warps for a row of `block` numbers: 16 to 32 numbers a thread."""
    return min(max(block // 512, 1), 16)
