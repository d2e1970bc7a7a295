"""The Edge architecture: squared ReLU, Nemotron norms, text keys that only the generation stream normalises."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from small_requests import make_request

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.reference import ReferenceEngine
from cosmos_policy.engine.weights import load_parts

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def parts(single_thread):
    from diffusers import Cosmos3OmniTransformer

    tiny = load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)
    changes = {"hidden_act": "relu2", "qk_norm_for_text": False, "use_und_k_norm_for_gen": True, "rms_norm_eps": 1e-5}
    torch.manual_seed(0)
    edge = Cosmos3OmniTransformer.from_config({**tiny.transformer.config, **changes}).eval().requires_grad_(False)
    for name, parameter in edge.named_parameters():
        if "norm" in name:  # as made they are all ones, which would hide a norm that is left out
            parameter.uniform_(0.5, 1.5)
    return replace(tiny, transformer=edge)


@pytest.mark.parametrize("mode", ["policy", "inverse_dynamics"])
def test_it_is_the_pipelines(parts, mode):
    request = make_request(mode)
    expected = ReferenceEngine(parts, CPU, torch.float32).run([request])[0].rows
    rows = NativeEngine(parts, CPU, torch.float32).run([request])[0].rows
    np.testing.assert_allclose(rows, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
