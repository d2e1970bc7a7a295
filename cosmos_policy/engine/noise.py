"""The noise that a request starts from."""

from __future__ import annotations

import torch

from cosmos_policy.engine.layout import Layout


def draw_noise(layout: Layout, seed: int, device: torch.device) -> tuple[torch.Tensor, torch.Tensor]:
    """float32 [video tokens, patch width] and [rows, action width] on `device`, standard normal, in tokens.

    One generator a request, on the CPU, the video's numbers first, then the actions': the draws that diffusers'
    pipeline makes with ``torch.Generator("cpu").manual_seed(seed)``, whatever the device or the batch.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    video = torch.randn(layout.latent_shape, generator=generator)
    rows = torch.randn((layout.rows, layout.grid.action_width), generator=generator)
    if device.type == "cuda":
        video, rows = video.pin_memory(), rows.pin_memory()
    return layout.to_tokens(video.to(device, non_blocking=True)), rows.to(device, non_blocking=True)
