"""Many samples in one pass through diffusers' ``Cosmos3OmniTransformer``.

diffusers packs one sample into one sequence. Its layers, though, work token by token but for the attention, and that
is exchangeable: with :class:`BatchedAttention` set as their processor, the same modules take padded batches. Prompts
that several samples share go through the text stream once; gradients of all of them meet there.

Source of the arithmetic: diffusers 0.42, ``models/transformers/transformer_cosmos3.py``. The tests hold both together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from diffusers import Cosmos3OmniTransformer
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention


@dataclass(frozen=True)
class NetworkInput:
    """One batch of B samples with U different prompts. Padding may stand anywhere; its content is never read.

    text_ids: int64 [U, L], padded at the end. text_positions: float [3, U, L]. text_valid: bool [U, L].
    text_of_sample: int64 [B], which prompt a sample has.
    video, rows: float [B, N, patch width] and [B, R, action width]: tokens, noised where they are noisy.
    video_noisy, rows_noisy: bool [B, N] and [B, R]: which tokens are told the time. video_valid, rows_valid: likewise,
    which are there at all.
    positions: float [3, B, N + R], the video's tokens first. domains: int64 [B].
    times: float [B], the noise level sigma in 0..1.
    """

    text_ids: Tensor
    text_positions: Tensor
    text_valid: Tensor
    text_of_sample: Tensor
    video: Tensor
    video_noisy: Tensor
    video_valid: Tensor
    rows: Tensor
    rows_noisy: Tensor
    rows_valid: Tensor
    positions: Tensor
    domains: Tensor
    times: Tensor


class Rotation(NamedTuple):
    """What every layer needs beside its tokens; handed through diffusers' layer as its ``rotary_emb``.

    text_cos, text_sin: [U, L, 1, head]. cos, sin: [B, N + R, 1, head]. text_of_sample: [B].
    keys: bool [B, 1, 1, L + N + R], the keys that a sample's generation tokens may look at.
    """

    text_cos: Tensor
    text_sin: Tensor
    cos: Tensor
    sin: Tensor
    text_of_sample: Tensor
    keys: Tensor


class BatchedAttention:
    """Attention processor for padded batches: text looks back at text, generation looks at its text and at itself."""

    _attention_backend = None
    _parallel_config = None

    def __call__(self, attn: nn.Module, text: Tensor, stream: Tensor, rotary_emb: Rotation) -> tuple[Tensor, Tensor]:
        """text: [U, L, hidden]; stream: [B, N + R, hidden]. Returns the same shapes."""
        rotation = rotary_emb

        def heads(projected: Tensor) -> Tensor:
            return projected.unflatten(-1, (-1, attn.head_dim))

        text_value, value = heads(attn.to_v(text)), heads(attn.add_v_proj(stream))
        text_key = attn.norm_k(heads(attn.to_k(text)))
        seen_key = text_key if attn.k_norm_und_for_gen is None else attn.k_norm_und_for_gen(text_key)
        text_query = _rotate(attn.norm_q(heads(attn.to_q(text))), rotation.text_cos, rotation.text_sin)
        text_key = _rotate(text_key, rotation.text_cos, rotation.text_sin)
        seen_key = _rotate(seen_key, rotation.text_cos, rotation.text_sin)
        query = _rotate(attn.norm_added_q(heads(attn.add_q_proj(stream))), rotation.cos, rotation.sin)
        key = _rotate(attn.norm_added_k(heads(attn.add_k_proj(stream))), rotation.cos, rotation.sin)

        text_out = _attend(text_query, text_key, text_value, causal=True)
        chosen = rotation.text_of_sample
        out = _attend(
            query,
            torch.cat([seen_key.index_select(0, chosen), key.to(seen_key.dtype)], dim=1),
            torch.cat([text_value.index_select(0, chosen), value], dim=1),
            mask=rotation.keys,
        )
        return attn.to_out(text_out.flatten(-2)), attn.to_add_out(out.flatten(-2))


def _rotate(tokens: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary position embedding of [batch, tokens, heads, head]."""
    first, second = tokens.chunk(2, dim=-1)
    return tokens * cos + torch.cat((-second, first), dim=-1) * sin


def _attend(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """[batch, tokens, heads, head] with fewer key heads than query heads; the values' precision is worked in."""
    groups = query.shape[2] // key.shape[2]
    # PyTorch's memory-efficient kernel, the one that takes a mask and has a backward pass, knows no grouped heads.
    key, value = (each.repeat_interleave(groups, dim=2) if groups > 1 else each for each in (key, value))
    query, key, value = (each.to(value.dtype).transpose(1, 2) for each in (query, key, value))
    return scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal).transpose(1, 2)


class BatchedTransformer(nn.Module):
    """`transformer` for training: the same weights, called with a :class:`NetworkInput`.

    The transformer's attention processors are exchanged for good; save it and load it again to run it with diffusers.
    """

    def __init__(self, transformer: Cosmos3OmniTransformer):
        super().__init__()
        self.transformer = transformer
        for layer in transformer.layers:
            layer.self_attn.set_processor(BatchedAttention())

    def forward(self, batch: NetworkInput) -> tuple[Tensor, Tensor]:
        """Velocities, [B, N, patch width] and [B, R, action width]; those of clean tokens mean nothing."""
        model, count = self.transformer, batch.video.shape[1]
        text = model.embed_tokens(batch.text_ids)
        told = self._time_embedding(batch.times)[:, None, :]
        video = model.proj_in(batch.video) + batch.video_noisy[..., None] * told
        rows = _by_domain(model.action_proj_in, batch.rows, batch.domains) + model.action_modality_embed
        rows = rows + batch.rows_noisy[..., None] * told
        # The residual stream is as precise as the weights, also where autocast made its ends narrower.
        stream = torch.cat([video.to(text.dtype), rows.to(text.dtype)], dim=1)
        _, stream = model._run_decoder_stack(text, stream, self._rotation(batch))
        return (
            model.proj_out(stream[:, :count]),
            _by_domain(model.action_proj_out, stream[:, count:], batch.domains),
        )

    def _time_embedding(self, times: Tensor) -> Tensor:
        """[B] -> [B, hidden]. A scheduler's timestep is 1000 sigma; the transformer has its own factor for it."""
        model = self.transformer
        angles = model.time_proj(1000.0 * times * model.config.timestep_scale)
        return model.time_embedder(angles.to(next(model.time_embedder.parameters()).dtype))

    def _rotation(self, batch: NetworkInput) -> Rotation:
        embed, device = self.transformer.rotary_emb, batch.video.device
        text_cos, text_sin = embed(batch.text_positions, device=device, dtype=torch.float32)
        cos, sin = embed(batch.positions, device=device, dtype=torch.float32)
        valid = torch.cat([batch.text_valid[batch.text_of_sample], batch.video_valid, batch.rows_valid], dim=1)
        return Rotation(
            *(each.unsqueeze(-2) for each in (text_cos, text_sin, cos, sin)),
            batch.text_of_sample,
            valid[:, None, None, :],
        )


def _by_domain(projection: nn.Module, tokens: Tensor, domains: Tensor) -> Tensor:
    """``DomainAwareLinear`` on [B, R, in], one domain a sample: [B, R, out].

    Its own forward looks the ids up one by one on the host, which stalls the device twice a step.
    """
    weight = projection.fc(domains).view(-1, projection.input_size, projection.output_size)
    bias = projection.bias(domains)[:, None, :]
    return torch.baddbmm(bias.to(tokens.dtype), tokens, weight.to(tokens.dtype))
