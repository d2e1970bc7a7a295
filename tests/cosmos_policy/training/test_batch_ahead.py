"""Making a batch early changes no batch."""

import threading

import pytest
import torch

from cosmos_policy.training.batch_ahead import BatchAhead


def test_every_pass_gets_its_own_batch_one_ahead():
    made = []

    def make(seed):
        made.append((seed, threading.current_thread() is threading.main_thread()))
        return seed

    ahead = BatchAhead(make, 7, 1, parts=2, device=torch.device("cpu"))
    asked = [(step, part) for step in range(3) for part in range(2)]
    assert [ahead.batch(step, part) for step, part in asked] == [(7, 1, step, part) for step, part in asked]
    assert ahead.batch(9, 0) == (7, 1, 9, 0), "a resumed run asks for another step than was foreseen"
    assert not any(here for _, here in made)
    assert [seed[2:] for seed, _ in made][:7] == [*asked, (3, 0)]


def test_what_making_a_batch_raises_is_raised_where_it_is_asked_for():
    def make(seed):
        if seed[2] == 1:
            raise RuntimeError("a picture is missing")
        return seed

    ahead = BatchAhead(make, 0, 0, parts=1, device=torch.device("cpu"))
    assert ahead.batch(0, 0) == (0, 0, 0, 0)
    with pytest.raises(RuntimeError, match="a picture is missing"):
        ahead.batch(1, 0)
