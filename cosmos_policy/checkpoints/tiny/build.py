"""Writes ``tiny`` in the layout that Cosmos 3 is published in, once, and finds it again afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
import warnings
from pathlib import Path

from cosmos_policy.checkpoints.cache import cache_folder

SEED = 20260601
#: raised whenever the recipe changes, so that an old cache is not taken for a new one
RECIPE = 1


def tiny_checkpoint() -> Path:
    """The folder of the checkpoint ``tiny``; made on the first call (a second or two), found in the cache later."""
    import diffusers
    import torch
    import transformers

    made_with = f"{RECIPE}-{torch.__version__}-{diffusers.__version__}-{transformers.__version__}"
    folder = cache_folder() / f"tiny-{hashlib.sha256(made_with.encode()).hexdigest()[:12]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".tiny-") as unfinished:
        build_tiny(Path(unfinished) / "tiny")
        try:
            os.replace(Path(unfinished) / "tiny", folder)
        except OSError:
            if not folder.is_dir():  # another process was faster: theirs is the same, byte for byte
                raise
    return folder


def build_tiny(folder: Path) -> Path:
    """Write the checkpoint to `folder`, which must not exist yet. The same bytes every time on the same libraries."""
    import torch

    from cosmos_policy.checkpoints.tiny import parts
    from cosmos_policy.checkpoints.tiny.tokenizer import save_tokenizer

    folder.mkdir(parents=True)
    tokenizer = save_tokenizer(folder / "text_tokenizer")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        parts.make_transformer(len(tokenizer)).save_pretrained(folder / "transformer")
        parts.make_autoencoder().save_pretrained(folder / "vae")
        with warnings.catch_warnings():  # diffusers' audio decoder still uses torch's older weight_norm
            warnings.filterwarnings("ignore", message=".*weight_norm.*deprecated", category=FutureWarning)
            parts.make_sound_tokenizer().save_pretrained(folder / "sound_tokenizer")
        parts.make_scheduler().save_pretrained(folder / "scheduler")
        _write_reasoner(folder, tokenizer)
    _write_json(
        folder / "model_index.json",
        {
            "_class_name": "Cosmos3OmniPipeline",
            "transformer": ["diffusers", "Cosmos3OmniTransformer"],
            "text_tokenizer": ["transformers", "Qwen2TokenizerFast"],
            "vae": ["diffusers", "AutoencoderKLWan"],
            "scheduler": ["diffusers", "UniPCMultistepScheduler"],
            "sound_tokenizer": ["diffusers", "Cosmos3AVAEAudioTokenizer"],
            "safety_checker": [None, None],
            "enable_safety_checker": False,
            "default_use_system_prompt": True,
            "use_native_flow_schedule": False,
        },
    )
    return folder


def _write_reasoner(folder: Path, tokenizer) -> None:
    """The files that transformers reads: configuration, processor, vision weights, and an index over all weights."""
    from safetensors import safe_open
    from safetensors.torch import save_file
    from transformers import Cosmos3OmniForConditionalGeneration, Qwen2VLImageProcessor, Qwen3VLProcessor
    from transformers.models.qwen3_vl import Qwen3VLVideoProcessor

    from cosmos_policy.checkpoints.tiny import parts

    config = parts.make_reasoner_config(len(tokenizer), tokenizer.convert_tokens_to_ids)
    config.save_pretrained(folder)
    vision = Cosmos3OmniForConditionalGeneration(config).model.visual.state_dict()
    (folder / "vision_encoder").mkdir()
    save_file(
        {name: tensor.contiguous() for name, tensor in vision.items()}, folder / "vision_encoder/model.safetensors"
    )

    pixels = {"shortest_edge": 32 * 32, "longest_edge": 128 * 128}
    patches = {"patch_size": 16, "temporal_patch_size": 2, "merge_size": 2}
    half = {"image_mean": [0.5] * 3, "image_std": [0.5] * 3}
    processor = Qwen3VLProcessor(
        image_processor=Qwen2VLImageProcessor(size=pixels, **patches, **half),
        tokenizer=tokenizer,
        video_processor=Qwen3VLVideoProcessor(size={**pixels, "longest_edge": 16 * 128 * 128}, **patches, **half),
        chat_template=tokenizer.chat_template,
    )
    processor.save_pretrained(folder)

    weights = dict.fromkeys(vision, "vision_encoder/model.safetensors")
    for shard in sorted((folder / "transformer").glob("*.safetensors")):
        with safe_open(shard, framework="pt") as tensors:
            weights |= dict.fromkeys(tensors.keys(), f"transformer/{shard.name}")
    size = sum((folder / file).stat().st_size for file in set(weights.values()))
    _write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": weights})


def _write_json(path: Path, content: dict) -> None:
    path.write_text(json.dumps(content, indent=2) + "\n")
