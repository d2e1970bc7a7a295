"""Engines by name, and choices that cannot be."""

from math import inf

import pytest
import torch

import cosmos_policy
from cosmos_policy.engine.attention import Choice, TorchAttention, candidates, pick
from cosmos_policy.engine.capabilities import choose_operations
from cosmos_policy.engine.graphs import Graphs
from cosmos_policy.errors import Failure, UsageError


def test_the_native_engine_is_the_default(single_thread):
    with cosmos_policy.load("tiny", device="cpu") as model:
        assert model.info.engine.startswith("native (cpu")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"engine": "fast"}, "native, diffusers"),
        ({"fp8": True}, "compute capability 8.9"),
        ({"offload": "text"}, "for CUDA devices"),
        ({"offload": "disk"}, "text, layers"),
        ({"engine": "diffusers", "fp8": True}, "the native engine's"),
    ],
)
def test_choices_that_cannot_be_are_told(options, words):
    with pytest.raises(UsageError, match=words):
        cosmos_policy.load("tiny", device="cpu", **options)


def test_a_cpu_takes_plain_torch():
    assert choose_operations(torch.device("cpu")).name == "plain torch"


def test_a_broken_flash_attention_is_told_and_left_out(tmp_path, monkeypatch, caplog):
    package = tmp_path / "flash_attn"
    package.mkdir()
    (package / "__init__.py").write_text("raise OSError('its library is for another torch')")
    monkeypatch.syspath_prepend(tmp_path)
    assert "flash-attn-4" not in [attention.name for attention in candidates()]
    assert "its library is for another torch" in caplog.text


def test_large_steps_are_padded_where_it_costs_next_to_nothing():
    quick, slow = TorchAttention("quick"), TorchAttention("slow")
    assert pick({quick: 1.0, slow: 2.0}, {quick: 1.05, slow: 2.0}) == Choice(quick, quick, everywhere=True)
    assert pick({quick: 1.0, slow: 2.0}, {quick: inf, slow: 1.09}) == Choice(slow, slow, everywhere=True)
    apart = pick({quick: 1.0, slow: 2.0}, {quick: 1.5, slow: 1.4})
    assert apart == Choice(quick, slow, everywhere=False) and apart.name == "quick; slow in small steps"


@pytest.mark.parametrize("works", [({"exact": inf, "padded": 1.0}), ({"exact": 1.0, "padded": inf})])
def test_a_device_without_attention_is_told(works):
    only = TorchAttention()
    with pytest.raises(Failure, match="attention kernels"):
        pick({only: works["exact"]}, {only: works["padded"]})


def test_without_cuda_nothing_is_recorded():
    graphs = Graphs(torch.device("cpu"), 2)
    for number in range(3):
        assert graphs.run("key", lambda x: x + 1, torch.tensor(number)) == number + 1
