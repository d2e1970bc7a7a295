"""The text stream: reads a prompt once, layer by layer, and keeps what the generation stream will attend to."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional
from torch.nn.attention import SDPBackend, sdpa_kernel

from cosmos_policy.engine.layout import text_positions
from cosmos_policy.engine.offload import Placement
from cosmos_policy.engine.text_cache import TextMemory

#: cuDNN's attention is left out: it makes a plan for every length that it has not seen
KERNELS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


class TextTower:
    """The understanding half of diffusers' ``Cosmos3OmniTransformer``, on its own modules.

    It never sees the generation stream, so its keys and values belong to the prompt alone. The last layer's attention
    and MLP are never read, and are left out.
    """

    def __init__(self, transformer, device: torch.device, placement: Placement):
        self._transformer, self._device, self._placement = transformer, device, placement

    @torch.no_grad()
    def read(self, token_ids: Sequence[int]) -> TextMemory:
        """token_ids: of the whole prompt, chat template and special tokens included."""
        network = self._transformer
        embedding = network.embed_tokens
        ids = torch.tensor(list(token_ids), device=embedding.weight.device)
        hidden = embedding(ids).to(self._device)
        positions = text_positions(len(ids), network.config).to(self._device)
        cos, sin = (part[0, :, None] for part in network.rotary_emb(positions[:, None], self._device, torch.float32))
        keys, values = [], []
        last = len(network.layers) - 1
        for index, layer in enumerate(self._placement.text_layers()):
            query, key, key_for_video, value = _project(layer, hidden, cos, sin)
            keys.append(key_for_video)
            values.append(value)
            if index == last:
                break
            with sdpa_kernel(KERNELS):
                attended = functional.scaled_dot_product_attention(
                    *(part.transpose(0, 1)[None] for part in (query, key, value)), is_causal=True, enable_gqa=True
                )
            hidden = hidden + layer.self_attn.to_out(attended[0].transpose(0, 1).flatten(1))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        return TextMemory(torch.stack(keys), torch.stack(values))


def _project(layer, hidden: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor):
    """query, key, the key that the generation stream sees, value: each [tokens, heads, head size]."""
    attention = layer.self_attn
    normed = layer.input_layernorm(hidden)
    query, key, value = (
        projection(normed).unflatten(-1, (-1, attention.head_dim))
        for projection in (attention.to_q, attention.to_k, attention.to_v)
    )
    key_for_video = key = attention.norm_k(key)
    if attention.k_norm_und_for_gen is not None:  # Edge: text keys are normalised for the generation stream alone
        key_for_video = rotate(attention.k_norm_und_for_gen(key), cos, sin)
    key = rotate(key, cos, sin)
    if attention.k_norm_und_for_gen is None:
        key_for_video = key
    return rotate(attention.norm_q(query), cos, sin), key, key_for_video, value


def rotate(heads: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor) -> torch.Tensor:
    """Rotary position embedding in float32. heads: [tokens, heads, D]; cos, sin: float32 [tokens, 1, D]."""
    wide = heads.float()
    half = wide.shape[-1] // 2
    turned = torch.cat((-wide[..., half:], wide[..., :half]), dim=-1)
    return (wide * cos + turned * sin).to(heads.dtype)
