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

    live: bool [N], where the solver moves a number of the flat state (video tokens of all requests, then sound, then
        action rows).
    noisy: float32 [tokens, 1] in stream order, 1 where a token is told the timestep.
    video_tokens, sound_tokens, row_tokens: int64, where each kind stands in the stream of all requests.
    """

    live: torch.Tensor
    noisy: torch.Tensor
    video_tokens: torch.Tensor
    sound_tokens: torch.Tensor
    row_tokens: torch.Tensor


@dataclass(frozen=True, eq=False)
class Batch:
    """Requests side by side. Video tokens of all requests form one matrix, sound another, action rows a third.

    clean: float32 [N], what is known, zero elsewhere.
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

    def split(self, flat: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """A flat state as video [video tokens, patch width], sound [sound frames, sound width] and action rows
        [rows, action width]."""
        grid, width = self.layouts[0].grid, self.layouts[0].patch_width
        end = sum(layout.video_tokens for layout in self.layouts) * width
        heard = end + sum(layout.sound_frames for layout in self.layouts) * grid.sound_width
        return (
            flat[:end].view(-1, width),
            flat[end:heard].view(-1, grid.sound_width or 1),
            flat[heard:].view(-1, grid.action_width or 1),
        )

    def join(self, parts: Sequence[tuple[torch.Tensor, ...]]) -> torch.Tensor:
        """The inverse, from each request's own (video, sound, action rows)."""
        return torch.cat([part.flatten() for kind in zip(*parts, strict=True) for part in kind])


def framer(device: torch.device) -> Callable[[tuple[Layout, ...]], Frame]:
    """A function that makes the constants of layouts on `device`, and keeps what it made."""

    @lru_cache(maxsize=KEPT_FRAMES)
    def make_frame(layouts: tuple[Layout, ...]) -> Frame:
        video_tokens, sound_tokens, row_tokens, start = [], [], [], 0
        for layout in layouts:
            seen, heard = start + layout.video_tokens, start + layout.video_tokens + layout.sound_frames
            video_tokens.append(torch.arange(start, seen))
            sound_tokens.append(torch.arange(seen, heard))
            row_tokens.append(torch.arange(heard, start + layout.tokens))
            start += layout.tokens
        live = [layout.live_video().flatten() for layout in layouts]
        live += [torch.ones(layout.sound_frames * layout.grid.sound_width) for layout in layouts]
        live += [layout.live_rows().flatten() for layout in layouts]
        noisy = torch.cat([layout.noisy_tokens() for layout in layouts])[:, None].float()
        return Frame(
            live=(torch.cat(live) > 0).to(device),
            noisy=noisy.to(device),
            video_tokens=torch.cat(video_tokens).to(device),
            sound_tokens=torch.cat(sound_tokens).to(device),
            row_tokens=torch.cat(row_tokens).to(device),
        )

    return make_frame


def make_batch(
    requests: Sequence[EngineRequest],
    layouts: Sequence[Layout],
    frame: Frame,
    known: Sequence[torch.Tensor | None],
    controls: Sequence[torch.Tensor | None],
    device: torch.device,
) -> Batch:
    """known: of each request, the latents [1, C, k, h, w] of its known frames, or None; controls: [C, ...] likewise,
    the latents of its control videos."""
    video, sound, rows = [], [], []
    for request, layout, latents, shapes in zip(requests, layouts, known, controls, strict=True):
        tokens = torch.zeros(layout.video_tokens, layout.patch_width, device=device)
        for index in range(layout.controls):
            tokens[index * layout.film_tokens :][: layout.film_tokens] = layout.to_tokens(shapes[index : index + 1])
        if latents is not None:
            tokens[layout.made_start :][: layout.known_frames * layout.frame_tokens] = layout.to_tokens(latents)
        video.append(tokens.flatten())
        sound.append(torch.zeros(layout.sound_frames * layout.grid.sound_width, device=device))
        given = torch.zeros(layout.rows, layout.grid.action_width)
        clean = torch.tensor(layout.clean_rows, dtype=torch.bool)
        given[clean, : layout.columns] = torch.from_numpy(request.rows).float()[clean]
        rows.append(given.flatten())
    flat_rows = torch.cat(rows).to(device, non_blocking=True)
    return Batch(tuple(requests), tuple(layouts), frame, torch.cat([*video, *sound, flat_rows]))
