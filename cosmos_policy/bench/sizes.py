"""The published network sizes, with random weights made on the device: speed and memory need no download."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from diffusers import AutoencoderKLWan, Cosmos3OmniTransformer

from cosmos_policy.checkpoints.tiny.parts import make_scheduler
from cosmos_policy.checkpoints.tiny.tokenizer import make_tokenizer
from cosmos_policy.engine.weights import Parts

if TYPE_CHECKING:
    from cosmos_policy.engine.parallel.mesh import Mesh

#: spread of the random weights: that of the language models' own initialisation
WEIGHT_STD = 0.02
HEADS = {"action_gen": True, "action_dim": 64, "num_embodiment_domains": 32, "sound_gen": True, "sound_dim": 64}

#: Nano: the defaults of diffusers' Cosmos3OmniTransformer (Qwen3-VL-8B's tower, twice). Edge: transformers'
#: Cosmos3EdgeTextConfig. Super: Qwen3-VL-32B's tower, twice, which gives the 65 B parameters of the model card.
TRANSFORMERS = {
    "nano": {},
    "edge": {
        "hidden_size": 2048,
        "intermediate_size": 9216,
        "num_hidden_layers": 28,
        "num_attention_heads": 16,
        "num_key_value_heads": 8,
        "hidden_act": "relu2",
        "rms_norm_eps": 1e-5,
        "rope_theta": 1e8,
        "vocab_size": 131072,
        "qk_norm_for_text": False,
        "use_und_k_norm_for_gen": True,
    },
    "super": {
        "hidden_size": 5120,
        "intermediate_size": 25600,
        "num_hidden_layers": 64,
        "num_attention_heads": 64,
        "num_key_value_heads": 8,
    },
}

#: Wan 2.2's autoencoder (48 channels, 16 x 16 x 4), as diffusers' convert_wan_to_diffusers.py writes it
AUTOENCODER = {
    "base_dim": 160,
    "decoder_base_dim": 256,
    "z_dim": 48,
    "dim_mult": [1, 2, 4, 4],
    "num_res_blocks": 2,
    "temperal_downsample": [False, True, True],
    "latents_mean": [0.0] * 48,
    "latents_std": [1.0] * 48,
    "is_residual": True,
    "in_channels": 12,
    "out_channels": 12,
    "patch_size": 2,
    "scale_factor_spatial": 16,
    "scale_factor_temporal": 4,
}


def random_parts(size: str, device: torch.device, dtype: torch.dtype, seed: int = 0, mesh: Mesh | None = None) -> Parts:
    """A checkpoint of a published `size` ("nano", "edge", "super") whose weights are random, on `device`.

    mesh: those who share the weights: the same ones, of which only this process's part is kept.
    """
    with torch.device("meta"):
        transformer = Cosmos3OmniTransformer(**TRANSFORMERS[size], **HEADS)
        vae = AutoencoderKLWan(**AUTOENCODER)
    shapes = {name: parameter.shape for name, parameter in transformer.named_parameters()}
    if mesh is None or mesh.sizes.tensor == 1:
        _fill(transformer, shapes, device, dtype, seed)
    else:
        from cosmos_policy.engine.parallel.sharding import cut_of, cuts, shard_transformer

        found = cuts(transformer.config, mesh.tensor, mesh.sizes.tensor)

        def part(name: str, weight: torch.Tensor) -> torch.Tensor:
            cut = cut_of(name, found)
            return weight if cut is None else cut.of(weight).clone()

        _fill(shard_transformer(transformer, mesh), shapes, device, dtype, seed, part)
    _fill(vae, {name: parameter.shape for name, parameter in vae.named_parameters()}, device, dtype, seed)
    # Not stored in a checkpoint, so empty after "meta": the rotary frequencies.
    config = transformer.config
    transformer.rotary_emb = type(transformer.rotary_emb)(config.head_dim, config.rope_theta, config.rope_axes_dim).to(
        device
    )
    transformer.time_embedder.float()  # diffusers keeps it in float32
    return Parts(transformer.eval(), vae.eval(), make_scheduler(), make_tokenizer())


def _whole(name: str, weight: torch.Tensor) -> torch.Tensor:
    return weight


@torch.no_grad()
def _fill(network: torch.nn.Module, shapes, device: torch.device, dtype: torch.dtype, seed: int, keep=_whole) -> None:
    """Random parameters, drawn one after the other. keep: what stays of each."""
    generator = torch.Generator(device).manual_seed(seed)
    for name, shape in shapes.items():
        weight = torch.empty(shape, dtype=dtype, device=device)
        if "norm" in name and weight.ndim < 5:
            weight.fill_(1.0)  # gains
        elif weight.ndim > 2:  # convolutions keep the size of what passes through
            weight.normal_(0, weight[0].numel() ** -0.5, generator=generator)
        else:
            weight.normal_(0, WEIGHT_STD, generator=generator)
        owner, _, key = name.rpartition(".")
        parameter = torch.nn.Parameter(keep(name, weight), requires_grad=False)
        network.get_submodule(owner).register_parameter(key, parameter)
