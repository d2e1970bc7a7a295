"""A few-step checkpoint in the layout that diffusers' modular pipelines read, made of tiny's weights."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

SIGMAS = (1.0, 0.9375, 0.8333, 0.625)


def make_distilled(tiny: Path, folder: Path, stochastic: bool) -> Path:
    """`folder`, written: tiny with diffusers' Euler scheduler, and fixed noise levels in its modular index."""
    from diffusers import FlowMatchEulerDiscreteScheduler

    shutil.copytree(tiny, folder)
    shutil.rmtree(folder / "scheduler")
    FlowMatchEulerDiscreteScheduler(stochastic_sampling=stochastic).save_pretrained(folder / "scheduler")
    (folder / "model_index.json").unlink()
    parts = {
        "text_tokenizer": ("transformers", "AutoTokenizer"),
        "vae": ("diffusers", "AutoencoderKLWan"),
        "transformer": ("diffusers", "Cosmos3OmniTransformer"),
        "scheduler": ("diffusers", "FlowMatchEulerDiscreteScheduler"),
    }
    entries = {
        name: [None, None, {"type_hint": hint, "pretrained_model_name_or_path": str(folder), "subfolder": name}]
        for name, hint in parts.items()
    }
    index = {
        "_class_name": "Cosmos3DistilledModularPipeline",
        "_blocks_class_name": "Cosmos3DistilledBlocks",
        "is_distilled": True,
        "distilled_sigmas": SIGMAS,
        "default_use_system_prompt": True,
        **entries,
    }
    (folder / "modular_model_index.json").write_text(json.dumps(index))
    return folder
