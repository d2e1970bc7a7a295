"""The noise that a request starts from."""

from __future__ import annotations

import torch

from cosmos_policy.engine.layout import Layout


def draw_noise(layout: Layout, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """float32 [video tokens, patch width] and [rows, action width], standard normal, in tokens.

    One generator a request, on the CPU, the video's numbers first, then the actions': the draws that diffusers'
    pipeline makes with ``torch.Generator("cpu").manual_seed(seed)``, whatever the device or the batch.
    """
    generator = torch.Generator("cpu").manual_seed(seed)
    video = torch.randn(layout.latent_shape, generator=generator)
    rows = torch.randn((layout.rows, layout.grid.action_width), generator=generator)
    return layout.to_tokens(video), rows
