"""The numbers that are denoised together: all requests of one schedule, laid out flat."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from cosmos_policy.engine.layout import Layout
from cosmos_policy.engine.request import EngineRequest


@dataclass(frozen=True, eq=False)
class Batch:
    """Requests side by side. Video tokens of all requests form one matrix, action rows another.

    clean_video, clean_rows: float32 [video tokens, patch width], [rows, action width]: what is known, zero elsewhere.
    live_video, live_rows: 1 where the solver moves a number.
    noisy: float32 [tokens, 1] in stream order, 1 where a token is told the timestep.
    video_tokens, row_tokens: int64, where video tokens and action rows stand in the stream of all requests.
    scales: float32 [requests], guidance scales.
    """

    requests: tuple[EngineRequest, ...]
    layouts: tuple[Layout, ...]
    clean_video: torch.Tensor
    clean_rows: torch.Tensor
    live_video: torch.Tensor
    live_rows: torch.Tensor
    noisy: torch.Tensor
    video_tokens: torch.Tensor
    row_tokens: torch.Tensor
    scales: torch.Tensor

    def starts(self) -> list[int]:
        """The first token of each request in the stream."""
        starts = [0]
        for layout in self.layouts:
            starts.append(starts[-1] + layout.tokens)
        return starts[:-1]


def make_batch(
    requests: Sequence[EngineRequest],
    layouts: Sequence[Layout],
    known: Sequence[torch.Tensor | None],
    device: torch.device,
) -> Batch:
    """known: of each request, the latents [1, C, k, h, w] of its known frames, or None."""
    clean_video, clean_rows, video_tokens, row_tokens = [], [], [], []
    start = 0
    for request, layout, latents in zip(requests, layouts, known, strict=True):
        whole = torch.zeros(layout.latent_shape, device=device)
        if latents is not None:
            whole[:, :, : layout.known_frames] = latents
        clean_video.append(layout.to_tokens(whole))
        rows = torch.zeros(layout.rows, layout.grid.action_width)
        clean = torch.tensor(layout.clean_rows, dtype=torch.bool)
        rows[clean, : layout.columns] = torch.from_numpy(request.rows).float()[clean]
        clean_rows.append(rows)
        video_tokens.append(torch.arange(start, start + layout.video_tokens))
        row_tokens.append(torch.arange(start + layout.video_tokens, start + layout.tokens))
        start += layout.tokens

    def gather(parts):
        return torch.cat(list(parts)).to(device, non_blocking=True)

    return Batch(
        requests=tuple(requests),
        layouts=tuple(layouts),
        clean_video=torch.cat(clean_video),
        clean_rows=gather(clean_rows),
        live_video=gather(layout.live_video() for layout in layouts),
        live_rows=gather(layout.live_rows() for layout in layouts),
        noisy=gather(layout.noisy_tokens() for layout in layouts)[:, None].float(),
        video_tokens=gather(video_tokens),
        row_tokens=gather(row_tokens),
        scales=torch.tensor([float(request.sampling.guidance_scale) for request in requests], device=device),
    )
