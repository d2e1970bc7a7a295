"""Windows through the frozen autoencoder, once, and kept on disk.

The encoder is causal from the window's first frame on, so each window has latents of its own; they cannot be cut out of
the whole episode's.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import groupby
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file

from cosmos_policy.engine.operations import Operations
from cosmos_policy.training.data.prepared import PreparedDataset
from cosmos_policy.training.whole_video import PLAIN, encode_whole

#: Pixels that are encoded in one pass: 8 windows of 17 frames of a tier-480 canvas, more of smaller ones.
PASS_PIXELS = 8 * 17 * 544 * 736
#: Episodes that are read from disk ahead of the encoder.
READ_AHEAD = 16


def normalised(autoencoder, latents: torch.Tensor) -> torch.Tensor:
    """[B, C, T, h, w] as the autoencoder gives them -> as the transformer sees them."""
    mean, deviation = _moments(autoencoder, latents)
    return (latents - mean) / deviation


def denormalised(autoencoder, latents: torch.Tensor) -> torch.Tensor:
    """The inverse of :func:`normalised`."""
    mean, deviation = _moments(autoencoder, latents)
    return latents * deviation + mean


def _moments(autoencoder, latents: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    return tuple(
        torch.tensor(values, device=latents.device, dtype=latents.dtype).view(1, -1, 1, 1, 1)
        for values in (autoencoder.config.latents_mean, autoencoder.config.latents_std)
    )


def to_pixels(frames: np.ndarray | torch.Tensor, device: torch.device) -> torch.Tensor:
    """uint8 [B, T, H, W, 3] -> float32 [B, 3, T, H, W] in -1..1."""
    return torch.as_tensor(frames).to(device).permute(0, 4, 1, 2, 3).float() / 127.5 - 1.0


@torch.no_grad()
def encode(
    autoencoder, canvases: np.ndarray | torch.Tensor, cells: tuple[int, int], operations: Operations = PLAIN
) -> torch.Tensor:
    """uint8 [B, T, canvas height, canvas width, 3] -> normalised latents [B, C, T', h, w] of the content's `cells`."""
    parameter = next(autoencoder.parameters())
    pixels = to_pixels(canvases, parameter.device).to(parameter.dtype)
    with torch.autocast(parameter.device.type, enabled=False):
        latents = encode_whole(autoencoder, pixels, operations).mode().float()
    return normalised(autoencoder, latents)[..., : cells[0], : cells[1]]


@torch.no_grad()
def decode(autoencoder, latents: torch.Tensor) -> np.ndarray:
    """Normalised latents [B, C, T', h, w] -> uint8 [B, T, 16 h, 16 w, 3]."""
    parameter = next(autoencoder.parameters())
    raw = denormalised(autoencoder, latents.to(parameter.device, torch.float32)).to(parameter.dtype)
    with torch.autocast(parameter.device.type, enabled=False):
        pixels = autoencoder.decode(raw).sample.float().clamp(-1, 1)
    return ((pixels + 1) * 127.5).round().to(torch.uint8).permute(0, 2, 3, 4, 1).cpu().numpy()


def content_cells(dataset: PreparedDataset, cell_pixels: int) -> tuple[int, int]:
    """Latent cells (rows, columns) that the frames' content covers; the canvas's padding beyond them is cut away."""
    return max(dataset.fit.content_height // cell_pixels, 1), max(dataset.fit.content_width // cell_pixels, 1)


def latents_of(
    dataset: PreparedDataset,
    places: Sequence[tuple[int, int]],
    chunk_size: int,
    autoencoder,
    fingerprint: str,
    folder: Path,
    progress: Callable[[int, int], None] | None = None,
    operations: Operations = PLAIN,
) -> torch.Tensor:
    """float16 [W, C, T', h, w]: the latents of windows that start at `places` (episode, frame).

    fingerprint: of the autoencoder's weights. folder: where they are kept, and found the next time. operations: what
    the autoencoder runs on.
    """
    shaping = [fingerprint, dataset.fingerprint, chunk_size, list(map(list, places))]
    path = folder / f"{hashlib.sha256(json.dumps(shaping).encode()).hexdigest()[:16]}.safetensors"
    if path.is_file():
        return load_file(path)["latents"]
    cells = content_cells(dataset, int(autoencoder.config.scale_factor_spatial))
    frames = chunk_size + 1
    windows = max(1, PASS_PIXELS // (frames * dataset.fit.canvas_height * dataset.fit.canvas_width))
    parts, done, device = [], 0, next(autoencoder.parameters()).device
    for clip, starts in _episodes(dataset, places, frames):
        # An episode goes to the device once; each of its frames is in many windows.
        shown = torch.from_numpy(clip).to(device)
        rows = torch.as_tensor(starts)[:, None] + torch.arange(frames)
        rows = rows.clamp(max=len(clip) - 1).to(device)
        for some in rows.split(windows):
            parts.append(encode(autoencoder, shown[some], cells, operations).half().cpu())
            done += len(some)
            if progress is not None:
                progress(done, len(places))
    latents = torch.cat(parts).contiguous()
    folder.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    save_file({"latents": latents}, unfinished)
    unfinished.replace(path)
    return latents


def _episodes(
    dataset: PreparedDataset, places: Sequence[tuple[int, int]], frames: int
) -> Iterator[tuple[np.ndarray, list[int]]]:
    """Each stretch of `places` in one episode: that episode's canvases, uint8 [N, H, W, 3], and the windows' starts.

    Every picture is decoded once; the next episodes are read while this one is encoded. Windows may reach beyond the
    last picture, which then stays.
    """
    stretches = [(episode, [start for _, start in some]) for episode, some in groupby(places, lambda place: place[0])]
    counts = {facts.index: facts.frames for facts in dataset.episodes}

    def read(stretch: tuple[int, list[int]]) -> np.ndarray:
        episode, starts = stretch
        return dataset.canvases(episode, range(min(counts[episode], max(starts) + frames)))

    with ThreadPoolExecutor() as pool:
        coming: deque = deque()
        for number, (_, starts) in enumerate(stretches):
            while len(coming) < READ_AHEAD and number + len(coming) < len(stretches):
                coming.append(pool.submit(read, stretches[number + len(coming)]))
            yield coming.popleft().result(), starts
