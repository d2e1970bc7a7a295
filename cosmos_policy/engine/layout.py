"""Which token stands where: the generation stream of one request, and the positions that the network is told.

The stream holds the video's patches, frame after frame, then sound, then action rows. Videos that control the made one
stand before it. Everything that is known beforehand (controls, clean frames, clean rows) is context that is never
denoised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from diffusers.pipelines.cosmos.pipeline_cosmos3_omni import get_3d_mrope_ids_text_tokens, get_3d_mrope_ids_vae_tokens

from cosmos_policy.engine import gradients  # noqa: F401
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Grid:
    """How a network cuts video into tokens.

    cell_pixels: pixels along one side of a latent cell. frames_per_latent: video frames in a latent frame after the
    first. patch_cells: latent cells along one side of a token. channels: of a latent cell. action_width: columns of an
    action row. sound_width: numbers in a sound latent, 0 where the network makes no sound.
    """

    cell_pixels: int
    frames_per_latent: int
    patch_cells: int
    channels: int
    action_width: int
    sound_width: int = 0


@dataclass(frozen=True)
class Layout:
    """The generation stream of one request.

    latent_frames, latent_height, latent_width: the content's latent cells (padding of the canvas is cut away).
    known_frames: how many latent frames are clean, from the first on, but for `open_frames` among them. rows: action
    rows; offset: see EngineRequest. sound_frames: sound latents. controls: videos before the made one, as long as it.
    """

    grid: Grid
    latent_frames: int
    latent_height: int
    latent_width: int
    known_frames: int
    rows: int
    offset: int
    clean_rows: tuple[bool, ...]
    columns: int
    fps: float
    sound_frames: int = 0
    controls: int = 0
    open_frames: tuple[int, ...] = ()

    @property
    def patch_rows(self) -> int:
        return math.ceil(self.latent_height / self.grid.patch_cells)

    @property
    def patch_columns(self) -> int:
        return math.ceil(self.latent_width / self.grid.patch_cells)

    @property
    def frame_tokens(self) -> int:
        return self.patch_rows * self.patch_columns

    @property
    def film_tokens(self) -> int:
        """Tokens of one video."""
        return self.latent_frames * self.frame_tokens

    @property
    def made_start(self) -> int:
        """The first token of the video that is made."""
        return self.controls * self.film_tokens

    @property
    def video_tokens(self) -> int:
        """Tokens of all videos, the controls included."""
        return self.made_start + self.film_tokens

    @property
    def tokens(self) -> int:
        return self.video_tokens + self.sound_frames + self.rows

    @property
    def moving_frames(self) -> tuple[bool, ...]:
        """Of each latent frame of the made video, whether it is denoised."""
        return tuple(frame >= self.known_frames or frame in self.open_frames for frame in range(self.latent_frames))

    @property
    def patch_width(self) -> int:
        """Numbers in one video token."""
        return self.grid.patch_cells**2 * self.grid.channels

    @property
    def latent_shape(self) -> tuple[int, int, int, int, int]:
        return (1, self.grid.channels, self.latent_frames, self.latent_height, self.latent_width)

    def first_needed(self, video: bool) -> int:
        """The first token whose velocity anybody reads: the stream is needed from there to its end.

        video: whether the video's velocity is read (else only the sound's and the actions').
        """
        if video and any(self.moving_frames):
            return self.made_start + self.moving_frames.index(True) * self.frame_tokens
        if self.sound_frames:
            return self.video_tokens
        clean = next((index for index, row in enumerate(self.clean_rows) if not row), self.rows)
        return min(self.video_tokens + clean, self.tokens - 1)

    def noisy_tokens(self) -> torch.Tensor:
        """bool [tokens]: those that are denoised, and told the timestep."""
        controls = torch.zeros(self.made_start, dtype=torch.bool)
        made = torch.tensor(self.moving_frames, dtype=torch.bool).repeat_interleave(self.frame_tokens)
        sound = torch.ones(self.sound_frames, dtype=torch.bool)
        return torch.cat([controls, made, sound, ~torch.tensor(self.clean_rows, dtype=torch.bool)])

    def live_video(self) -> torch.Tensor:
        """float [video tokens, patch width]: 1 where the solver moves a number, 0 where it is clean or padding."""
        live = torch.zeros(self.latent_shape)
        live[:, :, list(self.moving_frames)] = 1
        controls = torch.zeros(self.made_start, self.patch_width)
        return torch.cat([controls, self.to_tokens(live)])

    def live_rows(self) -> torch.Tensor:
        """float [rows, action width], likewise: clean rows and columns beyond the embodiment's stay."""
        live = torch.zeros(self.rows, self.grid.action_width)
        live[:, : self.columns] = 1
        return live * ~torch.tensor(self.clean_rows, dtype=torch.bool)[:, None]

    def to_tokens(self, latents: torch.Tensor) -> torch.Tensor:
        """[1, C, T, h, w] -> [T * patches, patch * patch * C], as diffusers packs them; a half patch is zero-filled."""
        patch = self.grid.patch_cells
        down = self.patch_rows * patch - self.latent_height
        right = self.patch_columns * patch - self.latent_width
        padded = torch.nn.functional.pad(latents[0], (0, right, 0, down))
        cut = padded.unflatten(2, (self.patch_rows, patch)).unflatten(4, (self.patch_columns, patch))
        return cut.permute(1, 2, 4, 3, 5, 0).reshape(-1, self.patch_width)

    def to_latents(self, tokens: torch.Tensor) -> torch.Tensor:
        """The inverse of :meth:`to_tokens`."""
        patch = self.grid.patch_cells
        shape = (self.latent_frames, self.patch_rows, self.patch_columns, patch, patch, self.grid.channels)
        cells = tokens.reshape(shape).permute(5, 0, 1, 3, 2, 4)
        whole = cells.reshape(
            self.grid.channels, self.latent_frames, self.patch_rows * patch, self.patch_columns * patch
        )
        return whole[None, :, :, : self.latent_height, : self.latent_width]

    def positions(self, text_tokens: int, config) -> torch.Tensor:
        """[3, tokens]: time, height and width of every token, behind a text of `text_tokens`.

        config: the transformer's. The formulas are diffusers' own helpers; an action row's time is that of the video
        frame it belongs to.
        """
        _, after_text = get_3d_mrope_ids_text_tokens(text_tokens, 0, config.enable_fps_modulation)
        fps = self.fps if config.enable_fps_modulation else None
        common = {
            "temporal_offset": after_text + config.unified_3d_mrope_temporal_modality_margin,
            "reset_spatial_indices": config.unified_3d_mrope_reset_spatial_ids,
            "fps": fps,
            "base_fps": float(config.base_fps),
        }
        video, _ = get_3d_mrope_ids_vae_tokens(
            self.latent_frames,
            self.patch_rows,
            self.patch_columns,
            temporal_compression_factor=self.grid.frames_per_latent,
            **common,
        )
        parts = [video] * (self.controls + 1)
        if self.sound_frames:
            sound = {**common, "fps": config.sound_latent_fps if config.enable_fps_modulation else None}
            parts.append(
                get_3d_mrope_ids_vae_tokens(self.sound_frames, 1, 1, temporal_compression_factor=1, **sound)[0]
            )
        if not self.rows:
            return torch.cat(parts, dim=1)
        rows, _ = get_3d_mrope_ids_vae_tokens(
            self.rows,
            1,
            1,
            temporal_compression_factor=1,
            base_temporal_compression_factor=self.grid.frames_per_latent,
            start_frame_offset=self.offset,
            **common,
        )
        return torch.cat([*parts, rows], dim=1)


def text_positions(tokens: int, config) -> torch.Tensor:
    """[3, tokens]: a text's positions, the same on all three axes."""
    return get_3d_mrope_ids_text_tokens(tokens, 0, config.enable_fps_modulation)[0]


def layout_of(request: EngineRequest, grid: Grid) -> Layout:
    """The layout of `request`; what the network cannot hold raises a :class:`UsageError`."""
    factor = grid.frames_per_latent
    known, rows = len(request.frames), np.asarray(request.rows)
    for count, name in ((request.num_frames, "num_frames"), (known, "the number of known frames")):
        if count % factor != 1 and not (count == 0 and name != "num_frames"):
            raise UsageError(f"{name} is {count}; expected one more than a multiple of {factor}: whole latent frames.")
    if known > request.num_frames:
        raise UsageError(f"{known} known frames were given for a video of {request.num_frames}.")
    if request.sound_frames and not grid.sound_width:
        raise UsageError("This checkpoint makes no sound; ask without.")
    if rows.ndim != 2 or rows.shape[1] > grid.action_width:
        raise UsageError(f"rows have shape {list(rows.shape)}; expected [R, D] with D at most {grid.action_width}.")
    fit = request.fit
    return Layout(
        grid=grid,
        latent_frames=(request.num_frames - 1) // factor + 1,
        latent_height=max(fit.content_height // grid.cell_pixels, 1),
        latent_width=max(fit.content_width // grid.cell_pixels, 1),
        known_frames=(known - 1) // factor + 1 if known else 0,
        rows=rows.shape[0],
        offset=request.row_offset,
        clean_rows=tuple(bool(clean) for clean in request.clean_rows),
        columns=rows.shape[1],
        fps=request.fps,
        sound_frames=request.sound_frames,
        controls=0 if request.controls is None else len(request.controls),
        open_frames=tuple(request.open_frames),
    )
