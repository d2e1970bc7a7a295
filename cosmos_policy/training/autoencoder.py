"""The autoencoder's task: clips in, the same clips out, and latents that a transformer can be trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from cosmos_policy.errors import UsageError
from cosmos_policy.training.data.latents import content_cells, to_pixels
from cosmos_policy.training.data.prepared import PreparedDataset, pad_to_canvas
from cosmos_policy.training.evaluation import psnr_db
from cosmos_policy.training.settings import AutoencoderSettings, TrainSettings
from cosmos_policy.training.task import Task, generator_for
from cosmos_policy.training.whole_video import decode_whole, encode_whole, operations_for

#: Of a canvas's padding so many cells around the content are shown: the encoder's convolutions look that far.
MARGIN_CELLS = 2
#: Decoded pictures are kept in memory up to so many bytes; beyond it they are read anew for each batch.
MEMORY_BYTES = 24 << 30


@dataclass(frozen=True, eq=False)
class Clips:
    """The stretches of `episodes` of one dataset that a clip may be taken from."""

    dataset: PreparedDataset
    episodes: Sequence[int]
    share: float


class Reconstruction(nn.Module):
    """The autoencoder and its loss. A batch: pixels [B, 3, T, H, W] in -1..1, noise like the latents, content size."""

    def __init__(self, autoencoder: nn.Module, weights: AutoencoderSettings, compiled: bool):
        super().__init__()
        self.autoencoder = autoencoder
        self._weights = weights
        self._operations = operations_for(autoencoder, compiled)

    def forward(self, batch: tuple[Tensor, Tensor, tuple[int, int]]) -> dict[str, Tensor]:
        """Losses by name, scalars; "total" is their weighted sum."""
        pixels, noise, (height, width) = batch
        weights = self._weights
        decoded, divergence = self._reconstruct(pixels, noise)
        shown, wanted = decoded[..., :height, :width], pixels[..., :height, :width]
        difference = shown - wanted
        losses = {
            "l1": difference.abs().mean(),
            "mse": difference.square().mean(),
            "gradient": _edges(shown, wanted),
            "kl": divergence,
        }
        total = sum(getattr(weights, name) * value for name, value in losses.items())
        return {"total": total, **losses}

    def _reconstruct(self, pixels: Tensor, noise: Tensor) -> tuple[Tensor, Tensor]:
        """The clip as it comes back, float32, and the divergence of its latents."""
        posterior = encode_whole(self.autoencoder, pixels, self._operations)
        decoded = decode_whole(self.autoencoder, posterior.mean + posterior.std * noise, self._operations)
        return decoded.float(), posterior.kl().float().mean() / noise[0].numel()


def _edges(shown: Tensor, wanted: Tensor) -> Tensor:
    """Mean absolute error of the differences between neighbouring pixels, down and right."""
    return sum((shown.diff(dim=dim) - wanted.diff(dim=dim)).abs().mean() for dim in (-1, -2))


class AutoencoderTask(Task):
    """Trains `autoencoder` on clips; `held_out` ones measure it."""

    def __init__(
        self, autoencoder, training: Sequence[Clips], held_out: Sequence[Clips], settings: TrainSettings,
        device: torch.device,
    ):  # fmt: skip
        self.module = Reconstruction(autoencoder, settings.autoencoder, settings.compile)
        if settings.autoencoder.decoder_only:
            for name, parameter in autoencoder.named_parameters():
                parameter.requires_grad_(name.startswith(("decoder.", "post_quant_conv.")))
        self._autoencoder, self._settings, self._device = autoencoder, settings, device
        self._training, self._held_out = training, held_out
        for clips in (*training, *held_out):
            longest = max(facts.frames for facts in clips.dataset.episodes if facts.index in clips.episodes)
            if longest < settings.autoencoder.clip_frames:
                raise UsageError(
                    f"No episode of {clips.dataset.source} has {settings.autoencoder.clip_frames} frames (the longest "
                    f"has {longest}); set a smaller autoencoder.clip_frames."
                )
        self._pictures = _read_all(training)

    def batch(self, seed: tuple[int, ...]) -> tuple[Tensor, Tensor, tuple[int, int]]:
        """Clips of one dataset, so that they have one size."""
        generator = np.random.default_rng(seed)
        source = _draw(self._training, generator)
        pixels = to_pixels(
            np.stack([self._clip(source, generator) for _ in range(self._settings.batch_size)]), self._device
        )
        return pixels, self._noise(pixels, generator_for(seed, self._device)), _content(source)

    @torch.no_grad()
    def evaluate(self) -> Mapping[str, float]:
        """Embodiment -> PSNR (dB) of held-out clips after encoding and decoding."""
        found: dict[str, list[float]] = {}
        for source in self._held_out:
            generator, (height, width) = np.random.default_rng(0), _content(source)
            for _ in range(self._settings.evaluation.windows):
                clip = self._clip(source, generator)
                pixels = to_pixels(clip[None], self._device)
                decoded = decode_whole(self._autoencoder, encode_whole(self._autoencoder, pixels).mode())
                levels = ((decoded.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
                shown = levels[0].permute(1, 2, 3, 0).cpu().numpy()
                found.setdefault(f"{source.dataset.embodiment}/psnr_db", []).append(
                    psnr_db(shown[:, :height, :width], clip[:, :height, :width])
                )
        return {name: float(np.mean(values)) for name, values in found.items()}

    @torch.no_grad()
    def measure_latents(self) -> None:
        """Write the latents' mean and deviation into the autoencoder's configuration: the transformer works on latents
        of unit size. Nothing where the encoder was left as it is."""
        if self._settings.autoencoder.decoder_only:
            return
        generator, sums = np.random.default_rng(1), []
        for _ in range(self._settings.autoencoder.measured_clips):
            source = _draw(self._training, generator)
            rows, columns = content_cells(source.dataset, int(self._autoencoder.config.scale_factor_spatial))
            pixels = to_pixels(self._clip(source, generator)[None], self._device)
            latents = encode_whole(self._autoencoder, pixels).mode().double()[..., :rows, :columns]
            sums.append(torch.stack([latents.mean((0, 2, 3, 4)), latents.square().mean((0, 2, 3, 4))]))
        mean, square = torch.stack(sums).mean(0)
        deviation = (square - mean.square()).clamp(min=1e-6).sqrt()
        self._autoencoder.register_to_config(latents_mean=mean.tolist(), latents_std=deviation.tolist())

    def _clip(self, source: Clips, generator: np.random.Generator) -> np.ndarray:
        """uint8 [clip_frames, H, W, 3]: content and a margin of the canvas around it."""
        length, dataset = self._settings.autoencoder.clip_frames, source.dataset
        frames = {facts.index: facts.frames for facts in dataset.episodes}
        usable = [index for index in source.episodes if frames[index] >= length]
        episode = usable[generator.integers(len(usable))]
        start = int(generator.integers(frames[episode] - length + 1))
        kept = self._pictures.get((dataset.folder, episode))
        if kept is None:
            shown = dataset.canvases(episode, range(start, start + length))
        else:
            shown = pad_to_canvas(kept[start : start + length], dataset.fit)
        cell = int(self._autoencoder.config.scale_factor_spatial)
        height, width = (
            -(-content // cell) * cell + MARGIN_CELLS * cell
            for content in (dataset.fit.content_height, dataset.fit.content_width)
        )
        return shown[:, :height, :width]

    def _noise(self, pixels: Tensor, generator: torch.Generator) -> Tensor:
        config = self._autoencoder.config
        frames = (pixels.shape[2] - 1) // int(config.scale_factor_temporal) + 1
        cells = [size // int(config.scale_factor_spatial) for size in pixels.shape[3:]]
        shape = (len(pixels), int(config.z_dim), frames, *cells)
        return torch.randn(shape, generator=generator, device=self._device)


def _draw(sources: Sequence[Clips], generator: np.random.Generator) -> Clips:
    """One dataset, by their shares."""
    shares = np.array([source.share for source in sources])
    return sources[generator.choice(len(sources), p=shares / shares.sum())]


def _content(source: Clips) -> tuple[int, int]:
    """Height and width, in pixels, of what is compared: whole latent cells of content."""
    return source.dataset.fit.visible_height, source.dataset.fit.visible_width


def _read_all(sources: Sequence[Clips]) -> dict[tuple, np.ndarray]:
    """(folder, episode) -> its pictures, where all of them fit into memory; else nothing."""
    lengths = {
        (clips.dataset.folder, facts.index): (clips.dataset, facts)
        for clips in sources
        for facts in clips.dataset.episodes
        if facts.index in set(clips.episodes)
    }
    size = sum(
        facts.frames * dataset.fit.content_height * dataset.fit.content_width * 3 for dataset, facts in lengths.values()
    )
    if size > MEMORY_BYTES:
        return {}
    with ThreadPoolExecutor() as pool:
        read = pool.map(lambda item: item[0].frames(item[1].index, range(item[1].frames)), lengths.values())
        return dict(zip(lengths, read, strict=True))
