"""Replay of held-out windows while a run goes on: the three calls, as an engine makes them, against the recording."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from scipy.spatial.transform import Rotation
from torch import Tensor

from cosmos_policy.training.batches import Clean, Collator
from cosmos_policy.training.data.latents import decode
from cosmos_policy.training.data.prepared import PreparedDataset
from cosmos_policy.training.data.windows import TrainingData
from cosmos_policy.training.patches import to_latents
from cosmos_policy.training.roles import EMPTY_PROMPT, Role
from cosmos_policy.training.settings import EvaluationSettings
from cosmos_policy.training.stream import BatchedTransformer
from embodiments import Embodiment, rotations

#: Windows that are denoised in one pass.
PASS_WINDOWS = 16
UNITS = {"m": (1000.0, "mm"), "rad": (180.0 / np.pi, "deg")}


@dataclass(frozen=True, eq=False)
class HeldOut:
    """The held-out windows: as training data, and what they are compared with, group by group."""

    data: TrainingData
    robots: tuple[Embodiment, ...]
    prepared: tuple[PreparedDataset, ...]


class Evaluation:
    """Figures of `network` on held-out windows, the same noise every time.

    make_scheduler: gives a fresh solver of diffusers'.
    """

    def __init__(
        self,
        network: BatchedTransformer,
        autoencoder,
        held_out: HeldOut,
        settings: EvaluationSettings,
        modes: Mapping[str, float],
        make_scheduler,
        device: torch.device,
    ):
        self._network, self._autoencoder, self._held_out = network, autoencoder, held_out
        self._settings, self._make_scheduler, self._device = settings, make_scheduler, device
        self._modes = [mode for mode, share in modes.items() if share > 0 and mode != "video"]
        self._collator = Collator(held_out.data, network.transformer.config, device, longest_history=0)

    @torch.no_grad()
    def __call__(self) -> dict[str, float]:
        """Name -> number. Errors of actions in mm, degrees, or the column's own unit; PSNR in dB."""
        found: dict[str, list[float]] = {}
        for number, group in enumerate(self._held_out.data.groups):
            for mode in self._modes:
                for start in range(0, len(group), PASS_WINDOWS):
                    windows = range(start, min(start + PASS_WINDOWS, len(group)))
                    for name, values in self._one_pass(number, mode, windows).items():
                        found.setdefault(f"{group.name}/{mode}/{name}", []).extend(values)
        return {name: float(np.mean(values)) for name, values in found.items()}

    def _one_pass(self, number: int, mode: str, windows: Sequence[int]) -> dict[str, list[float]]:
        group = self._held_out.data.groups[number]
        state = group.state.shape[1]
        roles = [Role(number, row, mode, self._text(number, row, mode), state=state) for row in windows]
        video, rows = self.denoise(roles)
        if mode == "forward_dynamics":
            return self._frame_errors(number, windows, video)
        robot, dataset = self._held_out.robots[number], self._held_out.prepared[number]
        chunk = group.actions.shape[1]
        model = rows[:, state : state + chunk, : group.columns].cpu().double().numpy()
        found: dict[str, list[float]] = {}
        for row, predicted in zip(windows, model, strict=True):
            episode, start = group.places[row]
            actions, states = dataset.numbers[episode]
            recorded = actions[start : start + chunk]
            for name, value in action_errors(robot, robot.denormalize(predicted), recorded).items():
                found.setdefault(name, []).append(value)
            still = hold_still(robot, states[start] if len(states) else None, chunk)
            for name, value in action_errors(robot, still, recorded).items():
                if np.isfinite(value):
                    found.setdefault(f"{name}_of_holding_still", []).append(value)
        return found

    def _text(self, number: int, row: int, mode: str) -> int:
        prompts = self._held_out.data.groups[number].prompts[row]
        return prompts.inverse_dynamics if mode == "inverse_dynamics" else prompts.plain

    @torch.no_grad()
    def denoise(self, roles: Sequence[Role], noise: tuple[Tensor, Tensor] | None = None) -> tuple[Tensor, Tensor]:
        """Video tokens and action rows after all steps of the solver, float32.

        noise: standard normal, shaped as a batch's video tokens and rows; drawn from a fixed seed if left out.
        """
        clean = self._collator.batch(roles)
        guidance = self._settings.guidance_scale
        without = None
        if guidance != 1.0:
            without = self._collator.batch([replace(role, text=EMPTY_PROMPT) for role in roles])
        if noise is None:
            generator = torch.Generator(self._device).manual_seed(0)
            noise = tuple(
                torch.randn(tokens.shape, generator=generator, device=self._device)
                for tokens in (clean.video, clean.rows)
            )
        known = _joined(clean.video, clean.rows)
        live = _joined(clean.video_live, clean.rows_live)
        sample = torch.where(live > 0, _joined(*noise), known)
        scheduler = self._make_scheduler()
        scheduler.set_timesteps(self._settings.num_inference_steps)
        for timestep in scheduler.timesteps:
            velocity = self._velocity(clean, sample, float(timestep))
            if without is not None:
                other = self._velocity(without, sample, float(timestep))
                velocity = other + guidance * (velocity - other)
            moved = scheduler.step(velocity * live, timestep, sample, return_dict=False)[0]
            sample = torch.where(live > 0, moved, known)
        return _parted(sample, clean)

    def _velocity(self, clean: Clean, sample: Tensor, timestep: float) -> Tensor:
        video, rows = _parted(sample, clean)
        times = torch.full_like(clean.network.times, timestep / 1000.0)
        return _joined(*self._network(replace(clean.network, video=video, rows=rows, times=times)))

    def _frame_errors(self, number: int, windows: Sequence[int], video: Tensor) -> dict[str, list[float]]:
        """PSNR of predicted frames, of the last known frame, and of what the autoencoder makes of the recorded ones."""
        group, dataset = self._held_out.data.groups[number], self._held_out.prepared[number]
        shape = tuple(group.latents.shape[1:])
        found: dict[str, list[float]] = {"psnr_db": [], "psnr_db_of_staying": [], "psnr_db_of_autoencoder": []}
        for place, row in enumerate(windows):
            episode, start = group.places[row]
            frames = dataset.frames(episode, range(start, start + group.actions.shape[1] + 1))
            patch = group.grid.patch_cells
            count = shape[1] * -(-shape[2] // patch) * -(-shape[3] // patch)
            predicted = decode(self._autoencoder, to_latents(video[place : place + 1, :count], patch, shape))[0]
            reproduced = decode(self._autoencoder, group.latents[row : row + 1].float())[0]
            height, width = predicted.shape[1:3]
            recorded = frames[:, :height, :width]
            found["psnr_db"].append(psnr_db(predicted[1:], recorded[1:]))
            found["psnr_db_of_staying"].append(psnr_db(np.broadcast_to(recorded[:1], recorded[1:].shape), recorded[1:]))
            found["psnr_db_of_autoencoder"].append(psnr_db(reproduced, recorded))
        return found


def action_errors(robot: Embodiment, predicted: np.ndarray, recorded: np.ndarray) -> dict[str, float]:
    """Mean errors of a chunk, unified [T, D], by block: distance and angle of poses, else absolute differences."""
    found = {}
    for block in robot.blocks:
        mine, theirs = predicted[:, block.columns], recorded[:, block.columns]
        if block.kind == "pose":
            found[f"{block.name}_mm"] = float(np.linalg.norm(mine[:, :3] - theirs[:, :3], axis=1).mean() * 1000)
            between = [Rotation.from_matrix(rotations.to_matrix(each[:, 3:9], "rot6d")) for each in (mine, theirs)]
            found[f"{block.name}_deg"] = float(np.degrees((between[0].inv() * between[1]).magnitude()).mean())
            continue
        unit = robot.columns[block.columns][0].unit
        factor, shown = (1.0, unit) if block.kind == "gripper" else UNITS.get(unit, (1.0, unit))
        name = block.name if shown == "1" else f"{block.name}_{shown}"
        found[name] = float(np.abs(mine - theirs).mean() * factor)
    return found


def hold_still(robot: Embodiment, state: np.ndarray | None, chunk: int) -> np.ndarray:
    """The chunk of a robot that does not move, unified [T, D]; NaN in columns that nothing tells (no state row)."""
    row = np.full(robot.action_dim, np.nan) if state is None else np.array(state)
    for block in robot.blocks:
        if block.kind == "pose":
            row[block.columns] = [0, 0, 0, 1, 0, 0, 0, 1, 0]
    return np.tile(row, (chunk, 1))


def psnr_db(predicted: np.ndarray, recorded: np.ndarray) -> float:
    """Peak signal-to-noise ratio of 8-bit frames [T, H, W, 3], mean over the frames; at most that of rounding, 58.9."""
    errors = ((predicted.astype(np.float64) - recorded) ** 2).mean(axis=(1, 2, 3))
    return float((10 * np.log10(255.0**2 / np.maximum(errors, 1 / 12))).mean())


def _joined(video: Tensor, rows: Tensor) -> Tensor:
    """Both kinds of tokens as one vector a sample: the solver works number by number."""
    return torch.cat([video.float().flatten(1), rows.float().flatten(1)], dim=1)


def _parted(joined: Tensor, clean: Clean) -> tuple[Tensor, Tensor]:
    video, rows = joined.split([clean.video[0].numel(), clean.rows[0].numel()], dim=1)
    return video.view_as(clean.video), rows.view_as(clean.rows)
