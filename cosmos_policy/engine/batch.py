"""The numbers that are denoised together: all requests of one schedule, laid out flat."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch

from cosmos_policy.engine.layout import Layout
from cosmos_policy.engine.request import EngineRequest

#: sets of layouts whose constants are kept on the device
KEPT_FRAMES = 32


@dataclass(frozen=True, eq=False)
class Frame:
    """What a set of layouts makes constant.

    live: bool [N], where the solver moves a number of the flat state (video tokens of all requests, then action rows).
    noisy: float32 [tokens, 1] in stream order, 1 where a token is told the timestep.
    video_tokens, row_tokens: int64, where video tokens and action rows stand in the stream of all requests.
    """

    live: torch.Tensor
    noisy: torch.Tensor
    video_tokens: torch.Tensor
    row_tokens: torch.Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Requests side by side. Video tokens of all requests form one matrix, action rows another.

    clean: float32 [N], what is known, zero elsewhere. video_count, row_count: video tokens and action rows of all.
    """

    requests: tuple[EngineRequest, ...]
    layouts: tuple[Layout, ...]
    frame: Frame
    clean: torch.Tensor

    @property
    def noisy(self) -> torch.Tensor:
        return self.frame.noisy

    def starts(self) -> list[int]:
        """The first token of each request in the stream."""
        starts = [0]
        for layout in self.layouts:
            starts.append(starts[-1] + layout.tokens)
        return starts[:-1]

    def split(self, flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A flat state as video tokens [video tokens, patch width] and action rows [rows, action width]."""
        grid, width = self.layouts[0].grid, self.layouts[0].patch_width
        numbers = sum(layout.video_tokens for layout in self.layouts) * width
        return flat[:numbers].view(-1, width), flat[numbers:].view(-1, grid.action_width or 1)

    def join(self, parts: Sequence[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """The inverse, from each request's own (video tokens, action rows)."""
        return torch.cat([part.flatten() for kind in zip(*parts, strict=True) for part in kind])


def framer(device: torch.device) -> Callable[[tuple[Layout, ...]], Frame]:
    """A function that makes the constants of layouts on `device`, and keeps what it made."""

    @lru_cache(maxsize=KEPT_FRAMES)
    def make_frame(layouts: tuple[Layout, ...]) -> Frame:
        video_tokens, row_tokens, start = [], [], 0
        for layout in layouts:
            video_tokens.append(torch.arange(start, start + layout.video_tokens))
            row_tokens.append(torch.arange(start + layout.video_tokens, start + layout.tokens))
            start += layout.tokens
        live = [layout.live_video().flatten() for layout in layouts]
        live += [layout.live_rows().flatten() for layout in layouts]
        noisy = torch.cat([layout.noisy_tokens() for layout in layouts])[:, None].float()
        return Frame(
            live=(torch.cat(live) > 0).to(device),
            noisy=noisy.to(device),
            video_tokens=torch.cat(video_tokens).to(device),
            row_tokens=torch.cat(row_tokens).to(device),
        )

    return make_frame


def make_batch(
    requests: Sequence[EngineRequest],
    layouts: Sequence[Layout],
    frame: Frame,
    known: Sequence[torch.Tensor | None],
    device: torch.device,
) -> Batch:
    """known: of each request, the latents [1, C, k, h, w] of its known frames, or None."""
    video, rows = [], []
    for request, layout, latents in zip(requests, layouts, known, strict=True):
        tokens = torch.zeros(layout.video_tokens, layout.patch_width, device=device)
        if latents is not None:
            tokens[: layout.known_frames * layout.frame_tokens] = layout.to_tokens(latents)
        video.append(tokens.flatten())
        given = torch.zeros(layout.rows, layout.grid.action_width)
        clean = torch.tensor(layout.clean_rows, dtype=torch.bool)
        given[clean, : layout.columns] = torch.from_numpy(request.rows).float()[clean]
        rows.append(given.flatten())
    flat_rows = torch.cat(rows).to(device, non_blocking=True)
    return Batch(tuple(requests), tuple(layouts), frame, torch.cat([*video, flat_rows]))
