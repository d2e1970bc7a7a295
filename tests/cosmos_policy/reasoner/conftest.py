"""A reasoner on tiny's weights, transformers' own model of the same checkpoint beside it, and made-up media."""

import json

import numpy as np
import pytest
import torch

from cosmos_policy.checkpoints.tiny import tiny_checkpoint
from cosmos_policy.media import write_video


@pytest.fixture(scope="session")
def folder():
    return tiny_checkpoint()


@pytest.fixture(scope="session")
def reasoner(tiny):
    return tiny._reasoner()


@pytest.fixture(scope="session")
def reference(single_thread, folder):
    """(network, processor) as ``from_pretrained`` makes them, with weights of their own."""
    from transformers import AutoModelForImageTextToText, AutoProcessor

    network = AutoModelForImageTextToText.from_pretrained(folder, dtype=torch.float32).eval()
    return network, AutoProcessor.from_pretrained(folder)


@pytest.fixture(scope="session")
def picture():
    """uint8 [96, 128, 3]: a gradient with a red box."""
    rows, columns = np.mgrid[0:96, 0:128]
    image = np.stack([rows * 2, columns, rows + columns], axis=-1).astype(np.uint8)
    image[20:50, 40:90] = (220, 30, 30)
    return image


@pytest.fixture(scope="session")
def film(tmp_path_factory):
    """An MP4 of 45 frames at 15 Hz, 96x64: a white square that moves to the right."""
    frames = np.zeros((45, 64, 96, 3), np.uint8)
    for place, frame in enumerate(frames):
        frame[20:40, place : place + 20] = 255
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    write_video(path, frames, 15.0)
    return path


@pytest.fixture(scope="session")
def edge(single_thread, tmp_path_factory, folder):
    """(folder, generator) of Edge's architecture, small and random, in the published layout: its language half (no
    gate, no norms of queries), its SigLIP2 encoder and its own processor."""
    from diffusers import Cosmos3OmniTransformer
    from safetensors.torch import save_file
    from transformers import AutoModelForImageTextToText, AutoTokenizer, Cosmos3EdgeConfig, Cosmos3EdgeProcessor
    from transformers.models.cosmos3_edge import Cosmos3EdgeImageProcessor, Cosmos3EdgeVideoProcessor

    place = tmp_path_factory.mktemp("edge")
    tokenizer = AutoTokenizer.from_pretrained(folder / "text_tokenizer")
    sizes = {"shortest_edge": 32 * 32, "longest_edge": 64 * 64 * 16}
    Cosmos3EdgeProcessor(
        Cosmos3EdgeImageProcessor(size=sizes),
        tokenizer,
        Cosmos3EdgeVideoProcessor(size=sizes),
        chat_template=tokenizer.chat_template,
    ).save_pretrained(place)
    language = {
        "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2,
        "num_key_value_heads": 1, "head_dim": 16, "vocab_size": len(tokenizer), "rms_norm_eps": 1e-5,
    }  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        generator = Cosmos3OmniTransformer(
            **language, latent_channel=8, patch_latent_dim=32, rope_axes_dim=[4, 2, 2], rope_theta=1e8,
            hidden_act="relu2", qk_norm_for_text=False, use_und_k_norm_for_gen=True,
        ).requires_grad_(False)  # fmt: skip
        config = Cosmos3EdgeConfig(
            text_config={
                **language, "rope_parameters": {"rope_type": "default", "rope_theta": 1e8, "mrope_section": [4, 2, 2]},
                "eos_token_id": tokenizer.eos_token_id,
            },
            vision_config={"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 1,
                           "num_attention_heads": 2, "num_patches": 16},
            projector_hidden_size=64,
            **{f"{name}_token_id": tokenizer.convert_tokens_to_ids(f"<|{token}|>") for name, token in
               [("image", "image_pad"), ("video", "video_pad"), ("vision_start", "vision_start"),
                ("vision_end", "vision_end")]},
        )  # fmt: skip
        fresh = AutoModelForImageTextToText.from_config(config).state_dict()
    config.save_pretrained(place)
    generator.save_pretrained(place / "transformer")
    own = {name: tensor for name, tensor in fresh.items() if ".visual." in name or ".projector." in name}
    (place / "vision_encoder").mkdir()
    save_file(own, place / "vision_encoder/model.safetensors")
    weights = dict.fromkeys(own, "vision_encoder/model.safetensors")
    weights |= dict.fromkeys(generator.state_dict(), "transformer/diffusion_pytorch_model.safetensors")
    (place / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": weights}))
    return place, generator
