"""In and out of the generation stream: latents and action rows to hidden states, and hidden states to velocities."""

from __future__ import annotations

from itertools import groupby

import torch
from torch.nn import functional

from cosmos_policy.engine.batch import Batch


class Heads:
    """diffusers' input and output projections, timestep embedding included. transformer: diffusers' module."""

    def __init__(self, transformer, dtype: torch.dtype):
        self._network, self._dtype = transformer, dtype
        self._embedder_dtype = next(transformer.time_embedder.parameters()).dtype

    def embed_timestep(self, timestep: int, device: torch.device) -> torch.Tensor:
        """[1, hidden size]."""
        scaled = torch.full((1,), timestep, device=device) * self._network.config.timestep_scale
        waves = self._network.time_proj(scaled).to(self._embedder_dtype)
        return self._network.time_embedder(waves).to(self._dtype)

    def embed(
        self, video: torch.Tensor, sound: torch.Tensor, rows: torch.Tensor, batch: Batch, timestep: torch.Tensor
    ) -> torch.Tensor:
        """[tokens, hidden size], the stream of all requests. Only noisy tokens are told the timestep.

        float32: video [video tokens, patch width]; sound [sound frames, sound width]; rows [rows, action width].
        """
        network = self._network
        hidden = timestep.new_empty(len(batch.noisy), timestep.shape[1])
        hidden[batch.frame.video_tokens] = network.proj_in(video.to(self._dtype))
        if len(sound):
            hidden[batch.frame.sound_tokens] = (
                network.audio_proj_in(sound.to(self._dtype)) + network.audio_modality_embed
            )
        if len(rows):
            projected = self._by_domain(network.action_proj_in, rows.to(self._dtype), _domains(batch))
            hidden[batch.frame.row_tokens] = projected + network.action_modality_embed
        return hidden + batch.noisy.to(self._dtype) * timestep

    def video_velocity(self, hidden: torch.Tensor) -> torch.Tensor:
        """[video tokens, hidden size] -> float32 [video tokens, patch width]."""
        return self._network.proj_out(hidden).float()

    def sound_velocity(self, hidden: torch.Tensor) -> torch.Tensor:
        """[sound frames, hidden size] -> float32 [sound frames, sound width]."""
        return self._network.audio_proj_out(hidden).float()

    def row_velocity(self, hidden: torch.Tensor, domains: list[tuple[int, int]]) -> torch.Tensor:
        """[rows, hidden size] -> float32 [rows, action width]. domains: (domain, number of rows), in order."""
        return self._by_domain(self._network.action_proj_out, hidden, domains).float()

    @staticmethod
    def _by_domain(projection, x: torch.Tensor, domains: list[tuple[int, int]]) -> torch.Tensor:
        """diffusers' ``DomainAwareLinear``, one product for each run of rows of one domain."""
        parts, start = [], 0
        for domain, count in domains:
            weight = projection.fc.weight[domain].view(projection.input_size, projection.output_size)
            parts.append(functional.linear(x[start : start + count], weight.T, projection.bias.weight[domain]))
            start += count
        return parts[0] if len(parts) == 1 else torch.cat(parts)


def _domains(batch: Batch) -> list[tuple[int, int]]:
    return merge_domains(
        (request.domain_id, layout.rows) for request, layout in zip(batch.requests, batch.layouts, strict=True)
    )


def merge_domains(pairs) -> list[tuple[int, int]]:
    """(domain, rows) pairs with neighbours of one domain added up, and empty ones left out."""
    filled = [pair for pair in pairs if pair[1]]
    return [(domain, sum(rows for _, rows in run)) for domain, run in groupby(filled, key=lambda pair: pair[0])]
