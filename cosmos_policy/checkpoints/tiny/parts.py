"""The networks of ``tiny``: each of diffusers' and transformers' own classes, as small as the shape allows."""

from __future__ import annotations

import math

HIDDEN_SIZE = 32
HEAD_DIM = 16
ROPE_AXES = [4, 2, 2]
ROPE_THETA = 5_000_000.0
LATENT_CHANNELS = 8
LATENT_PATCH = 2


def make_transformer(vocabulary_size: int):
    """Two layers of ``Cosmos3OmniTransformer``, action and sound heads, 32 embodiment domains, 64 action columns."""
    import torch
    from diffusers import Cosmos3OmniTransformer

    transformer = Cosmos3OmniTransformer(
        hidden_size=HIDDEN_SIZE,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=HEAD_DIM,
        num_hidden_layers=2,
        intermediate_size=64,
        latent_channel=LATENT_CHANNELS,
        latent_patch_size=LATENT_PATCH,
        patch_latent_dim=LATENT_CHANNELS * LATENT_PATCH**2,
        rope_axes_dim=ROPE_AXES,
        rope_theta=ROPE_THETA,
        vocab_size=vocabulary_size,
        action_gen=True,
        action_dim=64,
        num_embodiment_domains=32,
        sound_gen=True,
        sound_dim=4,
    )
    # Embedding's N(0, 1) would make the per-domain projections sqrt(fan-in) times too large.
    with torch.no_grad():
        for projection in (transformer.action_proj_in, transformer.action_proj_out):
            projection.fc.weight.div_(math.sqrt(projection.input_size))
            projection.bias.weight.zero_()
    return transformer


def make_autoencoder():
    """``AutoencoderKLWan`` in Wan 2.2's shape: 16 x 16 pixels and 4 frames to a latent cell, 2 x 2 pixel patches."""
    from diffusers import AutoencoderKLWan

    return AutoencoderKLWan(
        base_dim=4,
        decoder_base_dim=4,
        z_dim=LATENT_CHANNELS,
        dim_mult=[1, 1, 1, 1],
        num_res_blocks=1,
        temperal_downsample=[False, True, True],
        latents_mean=[0.0] * LATENT_CHANNELS,
        latents_std=[1.0] * LATENT_CHANNELS,
        is_residual=True,
        in_channels=12,
        out_channels=12,
        patch_size=2,
        scale_factor_spatial=16,
        scale_factor_temporal=4,
    )


def make_sound_tokenizer():
    """``Cosmos3AVAEAudioTokenizer``: 48 kHz stereo, 1,920 samples to a latent, as published, with few channels."""
    from diffusers import Cosmos3AVAEAudioTokenizer

    return Cosmos3AVAEAudioTokenizer(
        vocoder_input_dim=4,
        dec_dim=4,
        enc_dim=4,
        enc_latent_dim=8,
        enc_num_blocks=1,
    )


def make_scheduler():
    """UniPC on flow-matching noise levels, as every published Cosmos 3 checkpoint has it."""
    from diffusers import UniPCMultistepScheduler

    return UniPCMultistepScheduler(prediction_type="flow_prediction", use_flow_sigmas=True, flow_shift=10.0)


def make_reasoner_config(vocabulary_size: int, token_id):
    """The transformers configuration (``cosmos3_omni``) that reads the same language weights.

    token_id: special token -> id.
    """
    from transformers import Cosmos3OmniConfig

    return Cosmos3OmniConfig(
        text_config={
            "model_type": "qwen3_vl_text",
            "vocab_size": vocabulary_size,
            "hidden_size": HIDDEN_SIZE,
            "intermediate_size": 64,
            "num_hidden_layers": 2,
            "num_attention_heads": 2,
            "num_key_value_heads": 1,
            "head_dim": HEAD_DIM,
            "max_position_embeddings": 32768,
            "rope_parameters": {
                "rope_type": "default",
                "rope_theta": ROPE_THETA,
                "mrope_section": ROPE_AXES,
                "mrope_interleaved": True,
            },
        },
        vision_config={
            "model_type": "qwen3_vl_vision",
            "depth": 2,
            "hidden_size": 32,
            "intermediate_size": 64,
            "num_heads": 2,
            "out_hidden_size": HIDDEN_SIZE,
            "num_position_embeddings": 64,
            "deepstack_visual_indexes": [0],
        },
        image_token_id=token_id("<|image_pad|>"),
        video_token_id=token_id("<|video_pad|>"),
        vision_start_token_id=token_id("<|vision_start|>"),
        vision_end_token_id=token_id("<|vision_end|>"),
        tie_word_embeddings=False,
        architectures=["Cosmos3OmniForConditionalGeneration"],
    )
