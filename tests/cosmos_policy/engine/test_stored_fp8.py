"""A tiny checkpoint in the format of NVIDIA's fp8 ones (static 8-bit weights by ModelOpt) loads as what it means."""

import json
import shutil

import numpy as np
import pytest
import torch
from diffusers.pipelines.cosmos.mixed_precision import FIRST_LAST_N_FP8_POLICY
from safetensors.torch import load_file, save_file
from small_requests import make_request

import cosmos_policy
from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.projections import Fp8Projection
from cosmos_policy.engine.stream import take_layers
from cosmos_policy.engine.weights import load_parts
from cosmos_policy.errors import UsageError

CPU = torch.device("cpu")
NAME = "diffusion_pytorch_model"
#: as the exporter writes it, less what only other programs read
QUANTIZATION = {
    "quant_method": "modelopt",
    "quant_algo": "FP8",
    "quant_type": "FP8_FP8",
    "weight_only": False,
    "ignore": ["proj_in", "proj_out", "time_embedder*", "action_proj_in", "action_proj_out", "lm_head"],
    "runtime": {"diffusion_step_policy": FIRST_LAST_N_FP8_POLICY},
}
LAYERS = ("to_q", "to_k", "to_v", "to_out", "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out")
LAYERS += ("gate_proj", "up_proj", "down_proj")


def quantised(tensors):
    """(the tensors of the checkpoint, what its weights mean in float32)."""
    stored, meant = {}, dict(tensors)
    for name, tensor in tensors.items():
        layer = name.removesuffix(".weight")
        if not name.startswith("layers.") or layer.rpartition(".")[2] not in LAYERS:
            stored[name] = tensor.bfloat16()
            meant[name] = stored[name].float()
            continue
        scale = tensor.abs().max() / 448
        stored[name] = (tensor / scale).to(torch.float8_e4m3fn)
        meant[name] = stored[name].float() * scale
        stored[f"{layer}.weight_scale"] = scale
        stored[f"{layer}.input_scale"] = torch.tensor(0.01)
        stored[f"{layer}.weight_quantizer._amax"] = scale * 448
        stored[f"{layer}.weight_quantizer._scale"] = scale.clone()
        stored[f"{layer}.input_quantizer._amax"] = torch.tensor(4.48)
    return stored, meant


def write(folder, stored):
    """Two shards, every scale away from its weight, as the exporter may split them."""
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    halves = [{}, {}]
    for name, tensor in stored.items():
        halves[name.endswith("weight_scale")][name] = tensor.contiguous()
    places = {}
    for number, half in enumerate(halves, 1):
        file = f"{NAME}-0000{number}-of-00002.safetensors"
        save_file(half, folder / file)
        places.update(dict.fromkeys(half, file))
    index = {"metadata": {}, "weight_map": places}
    (folder / f"{NAME}.safetensors.index.json").write_text(json.dumps(index))
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "quantization_config": QUANTIZATION}))


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory, single_thread):
    """(folder, what its weights mean)."""
    folder = tmp_path_factory.mktemp("fp8") / "tiny-fp8"
    shutil.copytree(resolve_checkpoint("tiny").folder, folder)
    tensors = {}
    for file in (folder / "transformer").glob("*.safetensors"):
        tensors.update(load_file(file))
    stored, meant = quantised(tensors)
    write(folder / "transformer", stored)
    return folder, meant


def test_weights_are_what_they_mean(checkpoint):
    folder, meant = checkpoint
    network = load_parts(folder, CPU, torch.float32).transformer
    found = dict(network.named_parameters())
    assert found.keys() == meant.keys()
    for name, weight in found.items():
        torch.testing.assert_close(weight.data, meant[name].float(), rtol=0, atol=0, msg=name)
    assert network.time_embedder.linear_1.weight.dtype == torch.float32
    sixteen = load_parts(folder, CPU, torch.bfloat16).transformer
    assert {weight.dtype for weight in sixteen.layers.parameters()} == {torch.bfloat16}
    assert sixteen.time_embedder.linear_1.weight.dtype == torch.float32


def test_it_answers_like_the_network_of_those_weights(checkpoint):
    folder, meant = checkpoint
    with cosmos_policy.load(folder, device="cpu", like="tiny") as model:
        assert model.info.checkpoint
    plain = load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)
    plain.transformer.load_state_dict(meant)
    request = make_request("policy")
    expected = NativeEngine(plain, CPU, torch.float32).run([request])[0].rows
    got = NativeEngine(load_parts(folder, CPU, torch.float32), CPU, torch.float32).run([request])[0].rows
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6 * np.abs(expected).max())


def test_eight_bits_are_kept_to_the_bit_where_the_engine_computes_in_them(checkpoint):
    folder, meant = checkpoint
    network = load_parts(folder, CPU, torch.bfloat16, fp8=True).transformer
    assert network.layers[0].self_attn.to_q.weight.dtype == torch.bfloat16  # text stays in 16 bits
    for index, layer in enumerate(take_layers(network, fp8=True)):
        wanted = {
            "qkv": ("self_attn.add_q_proj", "self_attn.add_k_proj", "self_attn.add_v_proj"),
            "out": ("self_attn.to_add_out",),
            "up": ("mlp_moe_gen.gate_proj", "mlp_moe_gen.up_proj"),
            "down": ("mlp_moe_gen.down_proj",),
        }
        for name, parts in wanted.items():
            projection = getattr(layer, name)
            assert isinstance(projection, Fp8Projection) and projection.weight.dtype == torch.float8_e4m3fn
            exact = torch.cat([meant[f"layers.{index}.{part}.weight"] for part in parts])
            assert torch.equal(projection.weight.float() * projection.scales.T, exact)


def test_a_weight_without_its_scale_is_refused(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint[0], tmp_path / "broken")
    file = next((folder / "transformer").glob("*00002-of-00002.safetensors"))
    kept = load_file(file)
    kept.pop("layers.0.mlp.up_proj.weight_scale")
    save_file(kept, file)
    with pytest.raises(UsageError, match=r"layers\.0\.mlp\.up_proj\.weight is in 8 bits and has no weight_scale"):
        load_parts(folder, CPU, torch.float32)


def test_a_missing_shard_is_told(checkpoint, tmp_path):
    folder = shutil.copytree(checkpoint[0], tmp_path / "cut")
    next((folder / "transformer").glob("*00001-of-00002.safetensors")).unlink()
    with pytest.raises(UsageError, match="is missing; download the checkpoint again"):
        load_parts(folder, CPU, torch.float32)


@pytest.mark.parametrize("method", ["modelopt", "torchao"])
def test_other_quantisers_name_the_library_they_need(checkpoint, tmp_path, method):
    folder = shutil.copytree(checkpoint[0], tmp_path / method)
    config = json.loads((folder / "transformer" / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method, "quant_algo": "NVFP4", "quant_type": "NVFP4"}
    (folder / "transformer" / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match=f"quantised with {method}, and a library for it is missing"):
        load_parts(folder, CPU, torch.float32)
