"""One copy of the language weights: the reasoner's parameters are the engine's own memory."""

import json
import shutil

import pytest
import torch
from torch import nn

import cosmos_policy
from cosmos_policy.errors import UsageError
from cosmos_policy.reasoner.borrowing import Borrowing, borrow_weights
from cosmos_policy.reasoner.network import load_network


def storages(module: nn.Module) -> set[int]:
    return {parameter.untyped_storage().data_ptr() for parameter in module.parameters()}


def language_parameters(network: nn.Module):
    yield from network.model.language_model.named_parameters()
    yield from network.lm_head.named_parameters()


@pytest.mark.parametrize("engine", ["native", "diffusers"])
def test_every_language_parameter_lies_in_the_engines_memory(engine, single_thread):
    with cosmos_policy.load("tiny", device="cpu", engine=engine) as model:
        model.reason([{"role": "user", "content": "hello"}], max_tokens=1)
        generators = storages(model._engine.transformer)
        shared = dict(language_parameters(model._reasoner().network))
        assert len(shared) == 25
        for name, parameter in shared.items():
            assert parameter.untyped_storage().data_ptr() in generators, name


def test_a_change_of_the_engines_weights_is_a_change_of_the_reasoners(reasoner, tiny):
    weight = tiny._engine.transformer.layers[1].mlp.up_proj.weight
    theirs = reasoner.network.model.language_model.layers[1].mlp.up_proj.weight
    before = weight[0, 0].item()
    try:
        weight.data[0, 0] = 3.5
        assert theirs[0, 0].item() == 3.5
    finally:
        weight.data[0, 0] = before


def test_the_network_is_the_one_that_transformers_loads(reasoner, reference):
    ours, theirs = reasoner.network.state_dict(), reference[0].state_dict()
    assert ours.keys() == theirs.keys()
    for name, tensor in theirs.items():
        assert torch.equal(ours[name], tensor), name
    for (name, buffer), (_, wanted) in zip(reasoner.network.named_buffers(), reference[0].named_buffers(), strict=True):
        assert torch.equal(buffer, wanted), name


def test_edge_reads_with_its_own_generators_weights(edge):
    folder, generator = edge
    network = load_network(folder, generator, torch.device("cpu"), torch.float32)
    held = storages(generator)
    for name, parameter in language_parameters(network):
        assert parameter.untyped_storage().data_ptr() in held, name


def test_a_folder_without_a_reasoner_is_told_what_it_lacks(tmp_path, folder, tiny):
    copy = tmp_path / "acting"
    shutil.copytree(folder, copy)
    (copy / "config.json").unlink()
    with pytest.raises(UsageError, match=r"has no reasoner: it lacks config\.json"):
        load_network(copy, tiny._engine.transformer, torch.device("cpu"), torch.float32)


def test_vision_weights_that_are_missing_are_named(tmp_path, folder, tiny):
    copy = tmp_path / "torn"
    shutil.copytree(folder, copy)
    index = json.loads((copy / "model.safetensors.index.json").read_text())
    index["weight_map"] = {name: file for name, file in index["weight_map"].items() if "merger.norm" not in name}
    (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(UsageError, match=r"does not hold all weights .*merger\.norm"):
        load_network(copy, tiny._engine.transformer, torch.device("cpu"), torch.float32)


def test_configurations_that_disagree_are_refused(tmp_path, folder, tiny):
    copy = tmp_path / "wider"
    shutil.copytree(folder, copy)
    config = json.loads((copy / "config.json").read_text())
    config["text_config"]["intermediate_size"] = 96
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(UsageError, match="do not agree"):
        load_network(copy, tiny._engine.transformer, torch.device("cpu"), torch.float32)


def test_weights_that_wait_elsewhere_come_over_for_a_pass_and_go_again(reasoner):
    assert not borrow_weights(reasoner.network, torch.device("cpu"))
    layer = nn.Linear(4, 2, bias=False).requires_grad_(False)
    home, moved = layer.weight.data_ptr(), []

    def move(data: torch.Tensor) -> torch.Tensor:
        moved.append(2 * data)
        return moved[-1]

    Borrowing(layer, move)
    plain = layer.weight.sum(dim=1)
    assert torch.equal(layer(torch.ones(1, 4))[0], 2 * plain), "the moved weights compute"
    assert layer.weight.data_ptr() == home
    with pytest.raises(RuntimeError):
        layer(torch.ones(1, 3))
    assert len(moved) == 2 and layer.weight.data_ptr() == home, "a failed pass gives them back as well"
