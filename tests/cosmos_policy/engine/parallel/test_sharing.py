"""What is cut, and what is refused: nothing here starts a process."""

from types import SimpleNamespace

import pytest
import torch

import cosmos_policy
from cosmos_policy.bench.sizes import TRANSFORMERS
from cosmos_policy.engine.parallel.context import window_of
from cosmos_policy.engine.parallel.launch import check_devices
from cosmos_policy.engine.parallel.sharding import check_tensor_size, cut_of, cuts
from cosmos_policy.engine.parallel.share import _balanced
from cosmos_policy.engine.parallel.sizes import Parallel
from cosmos_policy.errors import UsageError

NANO = {
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "head_dim": 128,
    "intermediate_size": 12288,
}


def config(**changes):
    return SimpleNamespace(**{**NANO, **changes})


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.parametrize("size", [2, 4, 8])
def test_every_published_size_is_cut_without_gap_or_overlap(name, size):
    known = {key: value for key, value in TRANSFORMERS[name].items() if key in NANO}
    network = config(**known)
    check_tensor_size(network, size)
    widths = {
        "self_attn.to_q": network.num_attention_heads * network.head_dim,
        "self_attn.add_k_proj": network.num_key_value_heads * network.head_dim,
        "self_attn.to_out": network.num_attention_heads * network.head_dim,
        "mlp_moe_gen.down_proj": network.intermediate_size,
    }
    for path, width in widths.items():
        parts = [cuts(network, rank, size)[path] for rank in range(size)]
        covered = [number for part in parts for number in range(part.start, part.stop)]
        assert covered == list(range(width))


def test_with_more_processes_than_key_heads_neighbours_hold_the_same(single_thread):
    network = config(num_key_value_heads=2, num_attention_heads=8)
    check_tensor_size(network, 4)
    held = [cuts(network, rank, 4)["self_attn.to_k"] for rank in range(4)]
    assert [(part.start, part.stop) for part in held] == [(0, 128), (0, 128), (128, 256), (128, 256)]
    queries = [cuts(network, rank, 4)["self_attn.to_q"].start // 128 // 4 for rank in range(4)]
    assert queries == [part.start // 128 for part in held]  # each query head sits with its own key head


def test_only_layers_are_cut_and_summed_biases_are_whole():
    found = cuts(config(), 1, 2)
    assert cut_of("embed_tokens.weight", found) is None
    assert cut_of("layers.3.input_layernorm.weight", found) is None
    assert cut_of("layers.3.self_attn.to_out.bias", found) is None
    assert cut_of("layers.3.self_attn.to_q.bias", found).of(torch.arange(4096)).tolist() == list(range(2048, 4096))
    assert cut_of("layers.3.mlp.down_proj.weight", found).of(torch.zeros(4, 12288)).shape == (4, 6144)


@pytest.mark.parametrize("tokens", [1, 2, 5, 96, 3092])
@pytest.mark.parametrize("size", [2, 3, 4])
def test_windows_cover_every_token_once_and_are_equally_long(tokens, size):
    windows = [window_of(tokens, place, size) for place in range(size)]
    assert [token for first, stop, _ in windows for token in range(first, stop)] == list(range(tokens))
    assert len({stop - first + repeats for first, stop, repeats in windows}) == 1


def test_branches_are_shared_by_their_tokens():
    def branches(*tokens):
        return [SimpleNamespace(layout=SimpleNamespace(tokens=count)) for count in tokens]

    assert [len(part) for part in _balanced(branches(10, 10), 2)] == [1, 1]
    assert [len(part) for part in _balanced(branches(10), 2)] in ([1, 0], [0, 1])
    assert [len(part) for part in _balanced(branches(30, 10, 10, 10), 2)] == [1, 3]
    assert [len(part) for part in _balanced(branches(*[5] * 8), 4)] == [2, 2, 2, 2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tensor_parallel": 0}, "tensor_parallel is 0"),
        ({"tensor_parallel": 3}, "cannot be cut into 3 equal parts"),
        ({"guidance_parallel": 2, "engine": "diffusers"}, "engine='diffusers' do not go together"),
        ({"context_parallel": 2, "offload": "text"}, "offload='text' do not go together"),
    ],
)
def test_what_cannot_be_is_told(single_thread, options, words):
    with pytest.raises(UsageError, match=words):
        cosmos_policy.load("tiny", device="cpu", **options)


def test_one_device_by_name_is_not_several():
    with pytest.raises(UsageError, match="names one device"):
        check_devices(torch.device("cuda:1"), Parallel(tensor=2))
