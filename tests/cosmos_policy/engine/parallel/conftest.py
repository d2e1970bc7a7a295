"""Engines of several processes, each started once, beside the one that computes alone."""

from functools import cache

import pytest
import torch

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.choice import make_engine
from cosmos_policy.engine.parallel.sizes import Parallel

CPU = torch.device("cpu")


@pytest.fixture(scope="session")
def folder(single_thread):
    return resolve_checkpoint("tiny").folder


@pytest.fixture(scope="session")
def alone(folder):
    return make_engine("native", folder, CPU, torch.float32)


@pytest.fixture
def shared(folder):
    """sizes -> an engine whose processes end with the test: a process computes one model with others at a time."""
    made = []

    @cache
    def make(sizes: Parallel):
        made.append(make_engine("native", folder, CPU, torch.float32, parallel=sizes))
        return made[-1]

    yield make
    for engine in made:
        engine.close()
