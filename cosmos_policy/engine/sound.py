"""Sound latents to a waveform, through diffusers' AVAE decoder. It is read when the first sound is wanted."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch

from cosmos_policy.errors import UsageError


class SoundDecoder:
    """folder: the checkpoint's, or None. device: where the decoder runs, in float32: it is small, ears are sharp."""

    def __init__(self, folder: Path | None, device: torch.device):
        self._folder, self._device = folder, device
        self._network = None

    @torch.no_grad()
    def decode(self, latents: torch.Tensor) -> np.ndarray:
        """[sound frames, sound width] -> float32 [channels, samples] in [-1, 1], at the decoder's rate."""
        return self.network().decode(latents.T[None].float())[0].cpu().numpy()

    def network(self):
        """diffusers' ``Cosmos3AVAEAudioTokenizer``."""
        if self._network is None:
            self._network = self._load()
        return self._network

    def _load(self):
        from diffusers import Cosmos3AVAEAudioTokenizer

        from cosmos_policy.engine.weights import quietly

        if self._folder is None or not (self._folder / "sound_tokenizer" / "config.json").is_file():
            raise UsageError("This checkpoint has no sound_tokenizer/, so it makes no sound; ask without.")
        with quietly(), warnings.catch_warnings():  # diffusers' decoder still uses torch's older weight_norm
            warnings.filterwarnings("ignore", message=".*weight_norm.*deprecated", category=FutureWarning)
            network = Cosmos3AVAEAudioTokenizer.from_pretrained(self._folder / "sound_tokenizer", dtype=torch.float32)
        return network.to(self._device).eval().requires_grad_(False)
