"""The solver as numbers: what diffusers' scheduler does to a sample, worked out once per schedule.

A scheduler of this family is linear: the sample after step i is a weighted sum of the first noise and of the
velocities so far, with weights that depend on the schedule alone. They are read off diffusers' own scheduler object by
letting it step over a basis. A step then costs one small product on the device, and needs no synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Schedule:
    """timesteps: of each step, falling. weights: float64 [steps, steps + 1]; the sample after step i is
    ``weights[i, 0] * noise + sum_j weights[i, j + 1] * velocity_j``, j <= i."""

    timesteps: tuple[int, ...]
    weights: torch.Tensor

    def advance(self, step: int, history: torch.Tensor) -> torch.Tensor:
        """The sample after `step`. history: [step + 2, ...], the noise, then the velocities of steps 0..step."""
        weights = self.weights[step, : step + 2].to(history.device, history.dtype, non_blocking=True)
        return torch.tensordot(weights, history, dims=1)


class Solver:
    """scheduler: diffusers' scheduler of the checkpoint. native_flow: whether the checkpoint wants noise levels evenly
    spaced over the whole training range (``use_native_flow_schedule`` of its pipeline)."""

    def __init__(self, scheduler, native_flow: bool = False):
        if scheduler.config.get("thresholding") or scheduler.config.get("prediction_type") != "flow_prediction":
            raise UsageError(
                "The native engine knows schedulers that predict a flow without thresholding; "
                'run this checkpoint with engine="diffusers".'
            )
        self._scheduler, self._native_flow = scheduler, native_flow
        self.schedule = lru_cache(maxsize=32)(self._schedule)

    def _schedule(self, steps: int, flow_shift: float) -> Schedule:
        scheduler = self._start(steps, flow_shift)
        timesteps = scheduler.timesteps
        basis = torch.eye(steps + 1, dtype=torch.float64)
        sample, weights = basis[:1], []
        for index, timestep in enumerate(timesteps):
            velocity = basis[index + 1 : index + 2]
            sample = scheduler.step(velocity, timestep, sample, return_dict=False)[0]
            weights.append(sample[0])
        return Schedule(tuple(int(timestep) for timestep in timesteps), torch.stack(weights))

    def _start(self, steps: int, flow_shift: float):
        config = self._scheduler.config
        changes = {"flow_shift": flow_shift} if "flow_shift" in config else {}
        scheduler = type(self._scheduler).from_config(config, **changes)
        if self._native_flow:
            sigmas = np.linspace(1.0 - 1.0 / config.num_train_timesteps, 0.0, steps + 1)[:-1]
            scheduler.set_timesteps(steps, sigmas=sigmas)
        else:
            scheduler.set_timesteps(steps)
        return scheduler
