"""A small network that every GPU path takes: heads of 128, widths in multiples of 16, as the published ones have."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from cosmos_policy.checkpoints import resolve_checkpoint
from cosmos_policy.engine.weights import Parts, load_parts

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs an NVIDIA GPU")
CPU, CUDA = torch.device("cpu"), torch.device("cuda")
SHAPE = {
    "hidden_size": 512,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 128,
    "num_hidden_layers": 3,
    "intermediate_size": 1024,
    "rope_axes_dim": [24, 20, 20],
}


def make_parts(device: torch.device, dtype: torch.dtype) -> Parts:
    """The same weights on every call: tiny's autoencoder, scheduler and tokenizer around a transformer of SHAPE."""
    from diffusers import Cosmos3OmniTransformer

    tiny = load_parts(resolve_checkpoint("tiny").folder, CPU, torch.float32)
    config = {**tiny.transformer.config, **SHAPE}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Cosmos3OmniTransformer.from_config(config).eval().requires_grad_(False)
    for projection in (network.action_proj_in, network.action_proj_out):
        projection.fc.weight.div_(projection.input_size**0.5)
        projection.bias.weight.zero_()
    for name, module in network.named_children():
        # what diffusers keeps in float32 when it loads
        module.to(device, torch.float32 if name in ("time_embedder", "rotary_emb") else dtype)
    for parameter in network.parameters(recurse=False):
        parameter.data = parameter.data.to(device, dtype)
    return replace(tiny, transformer=network, vae=tiny.vae.to(device, dtype))
