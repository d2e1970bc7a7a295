"""The Triton kernels against plain torch, on Triton's interpreter (on a CPU, one program after another)."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton")

SCRIPT = """
import torch
from cosmos_policy.engine.kernels import TritonOperations
from cosmos_policy.engine.operations import Heads, PlainOperations

torch.manual_seed(0)
torch.set_num_threads(1)
fast, plain = TritonOperations(), PlainOperations()

def near(got, expected, tolerance=1e-5):
    torch.testing.assert_close(got, expected, rtol=tolerance, atol=tolerance)

def near_scaled(got, expected):
    # The interpreter's own conversion to 8 bits loses the carry of a mantissa that rounds up to a power of two.
    near(got.scales, expected.scales)
    apart = got.values.float() != expected.values.float()
    assert apart.float().mean() < 0.05, apart.float().mean()

for width in (24, 64):
    x, update, weight = torch.randn(5, width), torch.randn(5, width), torch.rand(width)
    near(fast.norm(x, weight, 1e-6, False), plain.norm(x, weight, 1e-6, False))
    sums = [operations.add_norm(x, update, weight, 1e-6, False) for operations in (fast, plain)]
    for got, expected in zip(*sums):
        near(got, expected)
    near_scaled(fast.norm(x, weight, 1e-6, True), plain.norm(x, weight, 1e-6, True))
    near_scaled(fast.quantize(x), plain.quantize(x))
    for gated in (True, False):
        near(fast.gate(x, gated, False), plain.gate(x, gated, False))
        near_scaled(fast.gate(x, gated, True), plain.gate(x, gated, True))

for count, kv_count in ((2, 1), (12, 4)):
    heads = Heads(count, kv_count, 16, torch.rand(16), torch.rand(16), 1e-6)
    qkv, angles = torch.randn(7, (count + 2 * kv_count) * 16), torch.randn(7, 8)
    angles = torch.cat([angles, angles], dim=1)
    table, slots = torch.cat([angles.cos(), angles.sin()], dim=1), torch.tensor([3, 4, 5, 6, 9, 10, 11])
    outcomes = []
    for operations in (fast, plain):
        keys, values = torch.zeros(12, kv_count, 16), torch.zeros(12, kv_count, 16)
        outcomes.append((operations.rotate_heads(qkv, heads, table, slots, keys, values), keys, values))
    for got, expected in zip(*outcomes):
        near(got, expected)

for channels in (12, 16):
    x, gamma = torch.randn(2, channels, 3, 4, 5), torch.rand(channels)
    for front in (0, 2):
        near(fast.norm_silu(x, gamma, front), plain.norm_silu(x, gamma, front))
print("all near")
"""


def test_every_kernel_computes_what_plain_torch_computes():
    environment = {**os.environ, "TRITON_INTERPRET": "1", "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    assert "all near" in done.stdout
