"""From roles to tensors: a padded batch for the network, and what its answer is compared with."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from cosmos_policy.engine.layout import Grid, Layout, text_positions
from cosmos_policy.training.data.windows import TrainingData, WindowGroup
from cosmos_policy.training.patches import to_tokens
from cosmos_policy.training.roles import Role
from cosmos_policy.training.stream import NetworkInput

#: Texts are padded to whole multiples of this, and their number to a power of two: few shapes, few compilations.
TEXT_STEP = 32


@dataclass(frozen=True)
class Clean:
    """A batch before noise is mixed in; B samples.

    video: float [B, N, patch width] and rows: float [B, R, width]: the recorded tokens.
    video_live, rows_live: float, likewise: 1 where a number is to be denoised, 0 where it is given, padding, or no
    column of the robot.
    """

    network: NetworkInput
    video: Tensor
    rows: Tensor
    video_live: Tensor
    rows_live: Tensor


class Collator:
    """Makes batches of `data` on `device`; `config` is the transformer's.

    All samples are padded to the longest video and the most rows that `data` can give, so that shapes stay.
    """

    def __init__(self, data: TrainingData, config, device: torch.device, longest_history: int):
        self._data, self._config, self._device = data, config, device
        layouts = [_layout(group, Role(0, 0, "policy", 0)) for group in data.groups]
        self._most_video = max(layout.video_tokens for layout in layouts)
        rows = max(longest_history + group.state.shape[1] + group.actions.shape[1] for group in data.groups)
        # Attention kernels with a mask want rows of whole 16 bytes: texts are padded to 32, the rest to 8.
        self._most_rows = rows + -(self._most_video + rows) % 8
        self._positions = lru_cache(maxsize=4096)(self._positions_of)

    def batch(self, roles: Sequence[Role]) -> Clean:
        """The recorded tokens of these samples, and the network's input but for noise and time."""
        data, device = self._data, self._device
        layouts = [_layout(data.groups[role.group], role) for role in roles]
        texts, text_of_sample = np.unique([role.text for role in roles], return_inverse=True)
        ids, valid = self._texts(texts)
        count, width = len(roles), data.groups[0].grid.action_width
        rows = np.zeros((count, self._most_rows, width), dtype=np.float32)
        rows_live = np.zeros_like(rows)
        rows_noisy = np.zeros((count, self._most_rows), dtype=bool)
        rows_valid = np.zeros_like(rows_noisy)
        positions = torch.zeros(3, count, self._most_video + self._most_rows)
        for index, (role, layout) in enumerate(zip(roles, layouts, strict=True)):
            group, length = data.groups[role.group], len(data.texts.ids[role.text])
            found = self._positions(layout, length)
            positions[:, index, : layout.video_tokens] = found[:, : layout.video_tokens]
            if layout.rows:
                rows[index, : layout.rows] = _rows(group, role)
                noisy = ~np.array(layout.clean_rows)
                rows_noisy[index, : layout.rows] = noisy
                rows_live[index, : layout.rows, : group.columns] = noisy[:, None]
                rows_valid[index, : layout.rows] = True
                start = self._most_video
                positions[:, index, start : start + layout.rows] = found[:, layout.video_tokens :]
        video, video_live, video_noisy, video_valid = self._video(roles, layouts)
        rows_there, live_there, noisy_there, valid_there = (
            torch.from_numpy(each).to(device) for each in (rows, rows_live, rows_noisy, rows_valid)
        )
        text_length = ids.shape[1]
        network = NetworkInput(
            text_ids=ids.to(device),
            text_positions=text_positions(text_length, self._config)
            .float()[:, None, :]
            .expand(3, len(ids), text_length)
            .contiguous()
            .to(device),
            text_valid=valid.to(device),
            text_of_sample=torch.from_numpy(text_of_sample.astype(np.int64)).to(device),
            video=video,
            video_noisy=video_noisy,
            video_valid=video_valid,
            rows=rows_there,
            rows_noisy=noisy_there,
            rows_valid=valid_there,
            positions=positions.to(device),
            domains=torch.tensor([data.groups[role.group].domain for role in roles], device=device),
            times=torch.zeros(count, device=device),
        )
        return Clean(network, video, rows_there, video_live, live_there)

    def _texts(self, numbers: np.ndarray) -> tuple[Tensor, Tensor]:
        """Token ids and which of them are there, [U, L] each, padded to few different shapes."""
        chosen = [self._data.texts.ids[number] for number in numbers]
        longest = TEXT_STEP * math.ceil(max(len(text) for text in chosen) / TEXT_STEP)
        count = 1 << (len(chosen) - 1).bit_length()
        ids = torch.zeros(count, longest, dtype=torch.long)
        valid = torch.zeros(count, longest, dtype=torch.bool)
        for row, text in enumerate(chosen):
            ids[row, : len(text)] = text
            valid[row, : len(text)] = True
        return ids, valid

    def _video(self, roles: Sequence[Role], layouts: Sequence[Layout]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Tokens, live numbers, noisy tokens and valid tokens of all samples, group by group."""
        device, grid = self._device, self._data.groups[0].grid
        shape = (len(roles), self._most_video, grid.patch_cells**2 * grid.channels)
        tokens, live = torch.zeros(shape, device=device), torch.zeros(shape, device=device)
        noisy = torch.zeros(shape[:2], dtype=torch.bool, device=device)
        valid = torch.zeros_like(noisy)
        for number in sorted({role.group for role in roles}):
            chosen = [index for index, role in enumerate(roles) if role.group == number]
            group, layout = self._data.groups[number], layouts[chosen[0]]
            places = torch.tensor(chosen, device=device)
            windows = torch.tensor([roles[index].window for index in chosen], device=group.latents.device)
            latents = group.latents.index_select(0, windows).to(device, torch.float32, non_blocking=True)
            known = torch.tensor([layouts[index].known_frames for index in chosen], device=device)
            moving = torch.arange(layout.latent_frames, device=device) >= known[:, None]
            whole = torch.ones(1, *latents.shape[1:], device=device)
            end = layout.video_tokens
            tokens[places, :end] = to_tokens(latents, grid.patch_cells)
            told = moving.repeat_interleave(layout.frame_tokens, dim=1)
            live[places, :end] = to_tokens(whole, grid.patch_cells) * told[..., None]
            noisy[places, :end] = told
            valid[places, :end] = True
        return tokens, live, noisy, valid

    def _positions_of(self, layout: Layout, text_tokens: int) -> Tensor:
        return layout.positions(text_tokens, self._config).float()


def _layout(group: WindowGroup, role: Role) -> Layout:
    """The generation stream of a sample, as the engine lays it out when it is asked the same."""
    grid: Grid = group.grid
    frames, height, width = group.latents.shape[2:]
    front, chunk = role.history + role.state, group.actions.shape[1]
    given = {"policy": role.prefix, "forward_dynamics": chunk}.get(role.mode, 0)
    clean = (True,) * (front + given) + (False,) * (chunk - given)
    return Layout(
        grid=grid,
        latent_frames=frames,
        latent_height=height,
        latent_width=width,
        known_frames=frames if role.mode == "inverse_dynamics" else 1,
        rows=0 if role.mode == "video" else front + chunk,
        offset=1 - front,
        clean_rows=() if role.mode == "video" else clean,
        columns=group.columns,
        fps=group.fps,
    )


def _rows(group: WindowGroup, role: Role) -> np.ndarray:
    """History, state, chunk: float32 [R, width]."""
    history = group.history[role.window, group.history.shape[1] - role.history :]
    return np.concatenate([history, group.state[role.window, : role.state], group.actions[role.window]])
