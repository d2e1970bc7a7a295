"""The noise that a request starts from."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from cosmos_policy.engine.layout import Layout

#: video [video tokens, patch width], sound [sound frames, sound width], rows [rows, action width]
Noise = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


def draw_noise(layout: Layout, seed: int, device: torch.device) -> Noise:
    """The first noise of :func:`draw_noises`."""
    return next(draw_noises(layout, seed, device))


def draw_noises(layout: Layout, seed: int, device: torch.device) -> Iterator[Noise]:
    """float32 on `device`, standard normal, in tokens, again and again; zero where control videos stand.

    One generator a request, on the CPU, the video's numbers first, then the sound's, then the actions': the draws that
    diffusers' pipelines make with ``torch.Generator("cpu").manual_seed(seed)``, whatever the device or the batch.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    controls = torch.zeros(layout.made_start, layout.patch_width, device=device)
    while True:
        video = torch.randn(layout.latent_shape, generator=generator)
        sound = torch.randn((layout.grid.sound_width, layout.sound_frames), generator=generator).T.contiguous()
        rows = torch.randn((layout.rows, layout.grid.action_width), generator=generator)
        drawn = [part.pin_memory() if device.type == "cuda" else part for part in (video, sound, rows)]
        video, sound, rows = (part.to(device, non_blocking=True) for part in drawn)
        made = layout.to_tokens(video)
        yield (torch.cat([controls, made]) if layout.controls else made), sound, rows
