"""On a GPU: every kernel and every attention against plain arithmetic in more bits."""

import pytest
import torch
from gpu_network import CUDA, needs_gpu

from cosmos_policy.engine.attention import TorchAttention, candidates, choose_attention
from cosmos_policy.engine.graphs import Graphs
from cosmos_policy.engine.operations import Heads, PlainOperations, Scaled
from cosmos_policy.engine.projections import Fp8Projection, Projection

pytestmark = needs_gpu
TOKENS, WIDTH, INNER = 777, 4096, 12288
#: relative rounding of one result: float32 over sums of thousands, bfloat16's 8 bits, float8's 4
ROUNDING = {torch.float32: 2e-6, torch.bfloat16: 2**-8, torch.float8_e4m3fn: 2**-4}


@pytest.fixture(scope="module")
def fast():
    from cosmos_policy.engine.kernels import TritonOperations

    return TritonOperations()


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(0)


def random(*shape, dtype=torch.float32):
    return torch.randn(*shape, device=CUDA).to(dtype)


def near(got, exact, spare=2.0):
    """`got` within `spare` roundings of its dtype from `exact`, float32 from the same inputs."""
    if isinstance(got, Scaled):
        smallest = got.scales * 2**-9  # below this the steps of float8 stay equal
        apart = (got.values.float() * got.scales - exact).abs()
        assert (apart <= spare * ROUNDING[got.values.dtype] * exact.abs() + smallest).all(), apart.max()
        return
    slack = spare * ROUNDING[got.dtype]
    torch.testing.assert_close(got.float(), exact, rtol=slack, atol=slack * float(exact.abs().max()) * 0.1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fp8", [False, True])
def test_norms(fast, dtype, fp8):
    plain = PlainOperations()
    x, update, weight = random(TOKENS, WIDTH, dtype=dtype), random(TOKENS, WIDTH, dtype=dtype), random(WIDTH).abs()
    near(fast.norm(x, weight.to(dtype), 1e-6, fp8), plain.norm(x.float(), weight.to(dtype), 1e-6, False))
    total, normed = fast.add_norm(x, update, weight.to(dtype), 1e-6, fp8)
    near(total, x.float() + update.float())
    near(normed, plain.norm(total.float(), weight.to(dtype), 1e-6, False))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("fp8", [False, True])
@pytest.mark.parametrize("gated", [False, True])
def test_gates_and_scaling(fast, dtype, fp8, gated):
    hidden = random(TOKENS, INNER * (2 if gated else 1), dtype=dtype)
    exact = PlainOperations().gate(hidden.float(), gated, False)
    near(fast.gate(hidden, gated, fp8), exact)
    near(fast.quantize(exact.to(dtype)), exact.to(dtype).float())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("count", "kv_count"), [(32, 8), (16, 8), (3, 1)])
def test_rotation_of_heads(fast, dtype, count, kv_count):
    weights = random(2, 128).abs().to(dtype)
    qkv, angles = random(TOKENS, (count + 2 * kv_count) * 128, dtype=dtype), random(TOKENS, 64).repeat(1, 2)
    table, slots = torch.cat([angles.cos(), angles.sin()], 1), torch.randperm(TOKENS + 50, device=CUDA)[:TOKENS]
    outcomes = []
    for operations, kind in ((fast, dtype), (PlainOperations(), torch.float32)):
        heads = Heads(count, kv_count, 128, weights[0].to(kind), weights[1].to(kind), 1e-6)
        keys, values = torch.zeros(2, TOKENS + 50, kv_count, 128, device=CUDA, dtype=kind)
        queries = operations.rotate_heads(qkv.to(kind), heads, table, slots, keys, values)
        outcomes.append((queries, keys, values))
    for got, exact in zip(*outcomes, strict=True):
        near(got, exact)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("front", [0, 2])
def test_the_autoencoders_norm(fast, dtype, front):
    x, gamma = random(1, 160, 3, 34, 46, dtype=dtype), random(160).abs().to(dtype)
    near(fast.norm_silu(x, gamma, front), PlainOperations().norm_silu(x.float(), gamma, front))


@pytest.mark.parametrize(("count", "kv_count"), [(32, 8), (16, 8)])
@pytest.mark.parametrize("name", [one.name for one in candidates()])
def test_every_attention(name, count, kv_count):
    attention = next(one for one in candidates() if one.name == name)
    query, (key, value) = random(2, 333, count, 128), random(2, 2, 571, kv_count, 128)
    query, key, value = (part.bfloat16() for part in (query, key, value))
    try:
        got = attention(query, key, value)
    except Exception as error:  # each library has its own way to say no to a GPU
        if name == "cudnn" and torch.cuda.get_device_capability() >= (8, 0):
            raise
        pytest.skip(f"{name} does not work on this GPU: {error}")
    exact = TorchAttention()(*(part.double().cpu() for part in (query, key, value)))
    apart = (got.double().cpu() - exact).norm() / exact.norm()
    assert apart < 2**-7, apart


@pytest.mark.parametrize("name", [one.name for one in candidates()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_keys_that_do_not_count_are_not_seen(name, dtype):
    attention = next(one for one in candidates() if one.name == name)
    query, keys, values = (random(3, *shape, dtype=dtype) for shape in ((333, 16, 128), (640, 8, 128), (640, 8, 128)))
    lengths = [571, 640, 397]
    used = torch.tensor(lengths, dtype=torch.int32, device=CUDA)
    try:
        got = attention(query, keys, values, used)
    except Exception as error:
        if name == "math" or (name == "flash-attn-4" and dtype == torch.bfloat16):
            raise
        pytest.skip(f"{name} does not take masks of {dtype} on this GPU: {error}")
    for place, length in enumerate(lengths):
        own = (part[place : place + 1].double().cpu() for part in (query, keys[:, :length], values[:, :length]))
        exact = TorchAttention()(*own)[0]
        apart = (got[place].double().cpu() - exact).norm() / exact.norm()
        assert apart < (2**-7 if dtype == torch.bfloat16 else 1e-4), (place, apart)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_chosen_attention_is_one_that_works(dtype):
    chosen = choose_attention(CUDA, dtype, 32, 8, 128)
    for one in (chosen.exact, chosen.padded):
        assert one.name in [other.name for other in candidates()]
        assert dtype == torch.float32 or one.name != "math"  # the slowest of all on every GPU with tensor cores


@pytest.mark.parametrize("bias", [False, True])
def test_products_in_eight_bits(bias):
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs a GPU with 8-bit floating point products")
    linear = torch.nn.Linear(WIDTH, 1024, bias=bias, device=CUDA, dtype=torch.bfloat16)
    exact_weight, exact_bias = linear.weight.float(), 0 if linear.bias is None else linear.bias.float()
    eight = Fp8Projection.quantised(Projection(linear))
    x = random(TOKENS, WIDTH, dtype=torch.bfloat16)
    scaled = PlainOperations().quantize(x)
    weight = eight.weight.float() * eight.scales.T
    assert ((weight - exact_weight).norm() / exact_weight.norm()) < 2**-4
    exact = (scaled.values.float() * scaled.scales) @ weight.T + exact_bias
    for given in (x, scaled):
        apart = (eight(given).float() - exact).norm() / exact.norm()
        assert apart < 2**-7, apart


def test_products_of_stored_eight_bits():
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs a GPU with 8-bit floating point products")
    parts, meant = [], []
    for outputs, scale in ((256, 0.01), (128, 0.3)):
        linear = torch.nn.Linear(WIDTH, outputs, bias=False, device=CUDA)
        linear.weight.data = random(outputs, WIDTH).to(torch.float8_e4m3fn)
        linear.register_buffer("weight_scale", torch.tensor(scale, device=CUDA))
        meant.append(linear.weight.float() * scale)
        parts.append(linear)
    scaled = PlainOperations().quantize(random(TOKENS, WIDTH, dtype=torch.bfloat16))
    exact = (scaled.values.float() * scaled.scales) @ torch.cat(meant).T
    apart = (Fp8Projection.stored(*parts)(scaled).float() - exact).norm() / exact.norm()
    assert apart < 2**-7, apart


def test_a_recording_replaces_the_calls():
    graphs, called = Graphs(CUDA, 2), []

    def double(x):
        called.append(1)
        return 2 * x

    for number in range(5):
        x = torch.full((3,), float(number), device=CUDA)
        assert torch.equal(graphs.run("double", double, x), 2 * x)
    assert len(called) == 2  # plainly, and while recording
    for key in ("a", "b", "a", "b"):  # two more: the first is let go
        graphs.run(key, double, x)
    graphs.run("double", double, x)
    assert len(called) == 7
