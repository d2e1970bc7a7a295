"""The solver as numbers: what diffusers' scheduler does to a sample, worked out once per schedule.

A scheduler of this family is linear: the sample after step i is a weighted sum of the first noise and of the
velocities so far, with weights that depend on the schedule alone. They are read off diffusers' own scheduler object by
letting it step over a basis. A step then costs one small product on the device, and needs no synchronisation.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np
import torch

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Schedule:
    """timesteps: of each step, falling. weights: float64 [steps, 1 + rows * steps]; the sample after a step is their
    sum over what was told so far: the first noise, then of every step its velocity and, where `fresh`, a noise of its
    own (`rows` is 2 then, 1 otherwise)."""

    timesteps: tuple[float, ...]
    weights: torch.Tensor
    fresh: bool = False

    @property
    def rows(self) -> int:
        return 2 if self.fresh else 1

    def advance(self, step: int, history: torch.Tensor) -> torch.Tensor:
        """The sample after `step`. history: [1 + rows * (step + 1), ...]."""
        weights = self.weights[step, : len(history)].to(history.device, history.dtype, non_blocking=True)
        return torch.tensordot(weights, history, dims=1)


class Solver:
    """scheduler: diffusers' scheduler of the checkpoint. native_flow: whether the checkpoint wants noise levels evenly
    spaced over the whole training range (``use_native_flow_schedule`` of its pipeline). distilled_sigmas: the fixed
    noise levels of a checkpoint that was distilled to a few steps; then the scheduler is a
    ``FlowMatchEulerDiscreteScheduler``."""

    def __init__(self, scheduler, native_flow: bool = False, distilled_sigmas: tuple[float, ...] | None = None):
        self._distilled_sigmas = distilled_sigmas
        if distilled_sigmas is not None:
            self._scheduler = scheduler
            self.schedule = lru_cache(maxsize=32)(self._distilled_schedule)
            return
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

    def _distilled_schedule(self, steps: int, flow_shift: float) -> Schedule:
        """The formulas of diffusers' ``FlowMatchEulerDiscreteScheduler.step``, over a basis."""
        sigmas = self._distilled_sigmas
        if steps != len(sigmas):
            raise UsageError(f"This checkpoint was distilled to {len(sigmas)} steps; {steps} cannot be asked of it.")
        scheduler = type(self._scheduler).from_config(self._scheduler.config)
        scheduler.set_timesteps(sigmas=list(sigmas))
        fresh = bool(scheduler.config.stochastic_sampling)
        levels = scheduler.sigmas.double().tolist()
        basis = torch.eye(1 + (1 + fresh) * steps, dtype=torch.float64)
        sample, weights = basis[0], []
        for index, (level, after) in enumerate(pairwise(levels)):
            velocity = basis[1 + (1 + fresh) * index]
            if fresh:
                sample = (1 - after) * (sample - level * velocity) + after * basis[2 + 2 * index]
            else:
                sample = sample + (after - level) * velocity
            weights.append(sample)
        return Schedule(tuple(scheduler.timesteps.tolist()), torch.stack(weights), fresh)

    def _start(self, steps: int, flow_shift: float):
        config = self._scheduler.config
        changes = {"flow_shift": flow_shift} if "flow_shift" in config else {}
        scheduler = type(self._scheduler).from_config(config, **changes)
        if self._native_flow:
            sigmas = np.linspace(1.0 - 1.0 / config.num_train_timesteps, 0.0, steps + 1)[:-1]
            scheduler.set_timesteps(steps, sigmas=sigmas)
        else:
            scheduler.set_timesteps(steps)
        scheduler.set_begin_index(0)  # with many steps the first two share a timestep, and it would begin at the second
        return scheduler
