"""Which weights are trained: all that take part, the generation stream, or low-rank updates of it."""

from __future__ import annotations

import torch
from torch import nn

from cosmos_policy.errors import UsageError
from cosmos_policy.training.settings import AdaptationSettings

#: The action heads: what a new robot needs most.
HEADS = ("action_proj_in.", "action_proj_out.", "action_modality_embed")
#: Parts of the names of what belongs to the generation stream, beside the heads.
GENERATION = (
    "add_q_proj", "add_k_proj", "add_v_proj", "to_add_out", "norm_added_q", "norm_added_k", "k_norm_und_for_gen",
    "moe_gen", "proj_in.", "proj_out.", "time_embedder.",
)  # fmt: skip
#: What is never read when actions and video are trained: speech, sound, and the end of the text stream.
UNREAD = ("lm_head.", "norm.", "audio_")
UNREAD_IN_LAST_LAYER = (
    "self_attn.to_q.", "self_attn.to_out.", "self_attn.norm_q.", "mlp.", "post_attention_layernorm.",
)  # fmt: skip
LOW_RANK_MODULES = {
    "attention": ("add_q_proj", "add_k_proj", "add_v_proj", "to_add_out"),
    "mlp": ("mlp_moe_gen.gate_proj", "mlp_moe_gen.up_proj", "mlp_moe_gen.down_proj"),
}


def is_head(name: str) -> bool:
    """Whether a parameter of that name belongs to the action heads."""
    return name.startswith(HEADS)


def adapt(transformer: nn.Module, settings: AdaptationSettings, seed: int) -> None:
    """Mark what is trained (``requires_grad``); with lora, put the low-rank updates in, drawn from `seed`."""
    if settings.kind == "lora":
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            _add_low_rank(transformer, settings)
    last = f"layers.{len(transformer.layers) - 1}."
    unread = (*UNREAD, *(last + part for part in UNREAD_IN_LAST_LAYER))
    for name, parameter in transformer.named_parameters():
        generation = is_head(name) or any(part in name for part in GENERATION)
        chosen = {
            "all": True,
            "generation": generation,
            "lora": "lora_" in name or is_head(name),
        }[settings.kind]
        parameter.requires_grad_(chosen and not name.startswith(unread))
        if parameter.requires_grad:
            parameter.data = parameter.data.float()


def merge(transformer: nn.Module) -> None:
    """Add low-rank updates to the weights that they update, and take them out; nothing where there are none."""
    if getattr(transformer, "peft_config", None):
        transformer.fuse_lora()
        transformer.unload_lora()


def _add_low_rank(transformer: nn.Module, settings: AdaptationSettings) -> None:
    try:
        from peft import LoraConfig
    except ModuleNotFoundError:
        raise UsageError("adaptation kind lora needs peft: install cosmos-policy[training].") from None
    wanted = tuple(part for module in settings.modules for part in LOW_RANK_MODULES[module])
    targets = [
        name for name, module in transformer.named_modules() if isinstance(module, nn.Linear) and name.endswith(wanted)
    ]
    if not targets:
        raise UsageError("adaptation.modules names nothing that gets low-rank updates; choose attention, mlp, or both.")
    transformer.add_adapter(LoraConfig(r=settings.rank, lora_alpha=settings.alpha, target_modules=targets))
