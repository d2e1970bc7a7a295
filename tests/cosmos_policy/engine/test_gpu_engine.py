"""On a GPU: the engine's paths against float32 on the CPU, and against diffusers in the same precision."""

import gc
from dataclasses import replace

import numpy as np
import pytest
import torch
from gpu_network import CPU, CUDA, make_parts, needs_gpu
from small_requests import make_request

import cosmos_policy
from cosmos_policy.bench.parity import relative_distance
from cosmos_policy.engine.attention import Choice, TorchAttention
from cosmos_policy.engine.autoencoder import Autoencoder
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.operations import PlainOperations
from cosmos_policy.engine.paths import Paths
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.types import Observation

pytestmark = needs_gpu
BF16 = torch.bfloat16
ALL_TOKENS = 1 << 30


def requests():
    """Modes, prompts, seeds and guidance that differ; no state rows, which diffusers cannot hold."""
    made = [make_request("policy", seed=seed, prompt=f"job {seed}, {'step ' * seed}") for seed in range(6)]
    made += [make_request("inverse_dynamics", seed=seed) for seed in range(6, 8)]
    made.append(replace(made[0], sampling=replace(made[0].sampling, guidance_scale=1.0)))
    return made


@pytest.fixture(scope="module", autouse=True)
def all_bits():
    """Convolutions in float32 keep all their bits."""
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before


@pytest.fixture(scope="module")
def exact():
    """Float32 rows from the CPU."""
    engine = NativeEngine(make_parts(CPU, torch.float32), CPU, torch.float32)
    return [engine.run([request])[0].rows for request in requests()]


@pytest.fixture(scope="module")
def native():
    return NativeEngine(make_parts(CUDA, BF16), CUDA, BF16)


def errors(engine, exact, calls=1):
    """Of the last of so many calls in a row: the first runs plainly, the second is recorded, the third is replayed."""
    answers = [[engine.run([request])[0].rows for _ in range(calls)][-1] for request in requests()]
    return np.array([relative_distance(*pair) for pair in zip(answers, exact, strict=True)])


def test_float32_is_the_cpus(exact):
    engine = NativeEngine(make_parts(CUDA, torch.float32), CUDA, torch.float32)
    assert "Triton kernels" in engine.name
    assert errors(engine, exact).max() < 1e-4
    assert errors(engine, exact, calls=3).max() < 1e-4
    filmed = make_request("forward_dynamics", video=True)
    expected = NativeEngine(make_parts(CPU, torch.float32), CPU, torch.float32).run([filmed])[0].video
    apart = np.abs(engine.run([filmed])[0].video.astype(int) - expected)
    assert apart.max() <= 1 and (apart > 0).mean() < 1e-3


def test_bf16_is_as_near_to_float32_as_diffusers_is(native, exact):
    theirs = errors(ReferenceEngine(make_parts(CUDA, BF16), CUDA, BF16), exact)
    assert errors(native, exact).mean() < 1.35 * theirs.mean()


def test_a_batch_is_as_near_to_float32_as_each_alone(native, exact):
    alone = errors(native, exact)
    together = native.run(requests())
    batched = [relative_distance(one.rows, rows) for one, rows in zip(together, exact, strict=True)]
    assert np.mean(batched) < 1.25 * alone.mean()


def test_plain_torch_stands_behind_the_kernels(exact):
    engine = NativeEngine(make_parts(CUDA, BF16), CUDA, BF16, paths=Paths(operations=PlainOperations()))
    assert "plain torch" in engine.name
    assert errors(engine, exact).max() < 0.1


def test_recorded_steps_are_the_plain_ones():
    class Counted(PlainOperations):
        calls = 0

        def norm(self, *arguments):
            Counted.calls += 1
            return super().norm(*arguments)

    plain = NativeEngine(make_parts(CUDA, torch.float32), CUDA, torch.float32, paths=Paths(recorded_tokens=0))
    counted = Paths(operations=Counted(), recorded_tokens=ALL_TOKENS)
    recorded = NativeEngine(make_parts(CUDA, torch.float32), CUDA, torch.float32, paths=counted)
    for seed in range(5):
        request = make_request("policy", seed=seed)
        if seed == 2:
            before = Counted.calls
        got, expected = recorded.run([request])[0].rows, plain.run([request])[0].rows
        np.testing.assert_allclose(got, expected, rtol=0, atol=1e-5 * np.abs(expected).max())
    assert Counted.calls == before  # nothing was launched one by one any more


def test_a_new_instruction_is_replayed_and_answered_exactly():
    plain = NativeEngine(make_parts(CUDA, torch.float32), CUDA, torch.float32, paths=Paths(recorded_tokens=0))
    recorded = NativeEngine(
        make_parts(CUDA, torch.float32), CUDA, torch.float32, paths=Paths(recorded_tokens=ALL_TOKENS)
    )
    batch = [make_request("policy", seed=1), make_request("inverse_dynamics", seed=2)]
    recorded.warm_up(batch)
    made = recorded.recordings
    assert made > 0
    for number in range(4):
        others = [replace(one, seed=number, prompt=f"{one.prompt} {'again ' * 9 * number}") for one in batch]
        for got, expected in zip(recorded.run(others), plain.run(others), strict=True):
            assert relative_distance(got.rows, expected.rows) < 1e-4
    assert recorded.recordings == made


def test_fp8_is_further_than_bf16_but_near(native, exact):
    if torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs a GPU with 8-bit floating point products")
    parts = make_parts(CUDA, BF16)
    before = torch.cuda.memory_allocated()
    engine = NativeEngine(parts, CUDA, BF16, fp8=True)
    gc.collect()
    assert torch.cuda.memory_allocated() < before  # the bf16 weights are let go
    assert "fp8" in engine.name
    eight = errors(engine, exact).mean()
    assert 1.5 * errors(native, exact).mean() < eight < 0.25


@pytest.mark.parametrize(("offload", "fp8"), [("text", False), ("layers", False), ("text", True)])
def test_offloaded_weights_give_the_same_answers(offload, fp8):
    if fp8 and torch.cuda.get_device_capability() < (8, 9):
        pytest.skip("needs a GPU with 8-bit floating point products")
    # timing may choose differently from run to run
    same = Paths(attention=Choice.only(TorchAttention()), recorded_tokens=0)
    expected = NativeEngine(make_parts(CUDA, BF16), CUDA, BF16, fp8=fp8, paths=same)
    parts = make_parts(CPU, BF16)
    parts = replace(parts, vae=parts.vae.to(CUDA))
    engine = NativeEngine(parts, CUDA, BF16, fp8=fp8, offload=offload, paths=same)
    layer = parts.transformer.layers[0]
    for parameter in (*layer.mlp.parameters(), *layer.self_attn.to_q.parameters()):
        assert parameter.device == CPU and parameter.is_pinned()
    weight = layer.mlp_moe_gen.up_proj.weight  # one copy: diffusers' module holds what computes
    assert weight.is_pinned() if offload == "layers" else weight.is_cuda and (weight.numel() == 0) == fp8
    for request in requests()[:4]:
        got, want = engine.run([request])[0].rows, expected.run([request])[0].rows
        assert relative_distance(got, want) < 1e-3


@pytest.mark.parametrize("dtype", [torch.float32, BF16])
def test_the_autoencoder_is_the_cpus(dtype):
    from cosmos_policy.engine.kernels import TritonOperations

    slow = Autoencoder(make_parts(CPU, torch.float32).vae, PlainOperations(), 0)
    fast = Autoencoder(make_parts(CUDA, dtype).vae, TritonOperations(), 8 << 30)
    tolerance = 1e-4 if dtype == torch.float32 else 0.05
    for frames in (1, 1, 1, 9):  # one frame: plainly, recording, replayed
        pixels = np.random.default_rng(frames).integers(0, 256, (1, frames, 192, 320, 3), dtype=np.uint8)
        exact = slow.encode(pixels)
        assert relative_distance(fast.encode(pixels).cpu().numpy(), exact.numpy()) < tolerance
    film, expected = fast.decode(exact.to(CUDA)).cpu().float(), slow.decode(exact).float()
    assert (film - expected).abs().mean() < (0.01 if dtype == torch.float32 else 3)


def test_no_call_keeps_memory(native):
    def memory(calls):
        for seed in range(calls):
            native.run([make_request("policy", seed=seed, prompt=f"job {seed % 3}", video=True)])
        gc.collect()
        return torch.cuda.memory_allocated()

    before = memory(9)
    assert memory(20) <= before


def test_after_warming_up_nothing_is_compiled_any_more(monkeypatch):
    import triton

    compiled = []
    with cosmos_policy.load("tiny", device="cuda") as model:
        assert "native (cuda" in model.info.engine
        model.warm_up("droid", calls=("policy", "forward_dynamics"), batch_sizes=(1, 2))
        monkeypatch.setattr(triton.knobs.runtime, "jit_post_compile_hook", lambda **told: compiled.append(told))
        recorded = model._engine.recordings
        for seed in range(3):
            example = observe(seed)
            model.policy(example, f"do it {'again ' * seed}", embodiment="droid", seed=seed)
        assert model._engine.recordings == recorded > 0
    assert compiled == []


def observe(seed):
    import embodiments

    return Observation(**embodiments.get("droid").example_observation(seed))
