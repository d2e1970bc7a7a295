"""What was read is kept, up to a size, and the oldest goes first."""

import torch

from cosmos_policy.engine.text_cache import TextCache, TextMemory

BYTES = 2 * 2 * 4 * 4  # keys and values of 2 layers, 4 numbers, 4 bytes


def make_cache(prompts: int):
    read = []

    def memory(ids):
        read.append(ids)
        return TextMemory(torch.zeros(2, 1, 1, 4), torch.zeros(2, 1, 1, 4))

    return TextCache(memory, prompts * BYTES), read


def test_a_prompt_is_read_once():
    cache, read = make_cache(2)
    assert cache.get([1, 2]) is cache.get((1, 2))
    assert read == [(1, 2)] and (cache.hits, cache.misses) == (1, 1)


def test_the_one_used_longest_ago_goes():
    cache, read = make_cache(2)
    for ids in ([1], [2], [1], [3], [1], [2]):
        cache.get(ids)
    assert read == [(1,), (2,), (3,), (2,)]
    assert cache.bytes == 2 * BYTES


def test_one_prompt_is_kept_whatever_its_size():
    cache, _ = make_cache(0)
    cache.get([1])
    cache.get([2])
    assert len(cache) == 1
