"""The published network sizes, with random weights made on the device: speed and memory need no download."""

from __future__ import annotations

import torch
from diffusers import AutoencoderKLWan, Cosmos3OmniTransformer

from cosmos_policy.checkpoints.tiny.parts import make_scheduler
from cosmos_policy.checkpoints.tiny.tokenizer import make_tokenizer
from cosmos_policy.engine.weights import Parts

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


def random_parts(size: str, device: torch.device, dtype: torch.dtype, seed: int = 0) -> Parts:
    """A checkpoint of a published `size` ("nano", "edge", "super") whose weights are random, on `device`."""
    with torch.device("meta"):
        transformer = Cosmos3OmniTransformer(**TRANSFORMERS[size], **HEADS)
        vae = AutoencoderKLWan(**AUTOENCODER)
    for network in (transformer, vae):
        _fill(network, device, dtype, seed)
    # Not stored in a checkpoint, so empty after "meta": the rotary frequencies.
    config = transformer.config
    transformer.rotary_emb = type(transformer.rotary_emb)(config.head_dim, config.rope_theta, config.rope_axes_dim).to(
        device
    )
    transformer.time_embedder.float()  # diffusers keeps it in float32
    return Parts(transformer.eval(), vae.eval(), make_scheduler(), make_tokenizer())


@torch.no_grad()
def _fill(network: torch.nn.Module, device: torch.device, dtype: torch.dtype, seed: int) -> None:
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            room = torch.empty(parameter.shape, dtype=dtype, device=device)
            module.register_parameter(name, torch.nn.Parameter(room, requires_grad=False))
    generator = torch.Generator(device).manual_seed(seed)
    for name, parameter in network.named_parameters():
        if "norm" in name and parameter.ndim < 5:
            parameter.fill_(1.0)  # gains
        elif parameter.ndim > 2:  # convolutions keep the size of what passes through
            parameter.normal_(0, parameter[0].numel() ** -0.5, generator=generator)
        else:
            parameter.normal_(0, WEIGHT_STD, generator=generator)
