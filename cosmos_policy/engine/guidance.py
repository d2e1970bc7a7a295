"""At which steps classifier-free guidance asks the network twice."""

from __future__ import annotations

from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.errors import UsageError
from cosmos_policy.types import Sampling


def is_guided(sampling: Sampling, step: int, timestep: float) -> bool:
    """Whether `step` (0 is the noisiest) at `timestep` (0 to 1000, falling) is guided.

    A scale of 1 never is. ``guidance_interval`` keeps it to timesteps within, ends included (Edge-Policy-DROID was
    served with [960, 1001]); ``guidance_steps`` to the first n steps. Neither means every step.
    """
    if sampling.guidance_scale == 1.0:
        return False
    if sampling.guidance_interval is not None:
        low, high = sampling.guidance_interval
        if not low <= timestep <= high:
            return False
    return sampling.guidance_steps is None or step < sampling.guidance_steps


def text_scale(sampling: Sampling, step: int, timestep: float) -> float:
    """How strongly `step` is guided by the prompt; 1 is not."""
    return sampling.guidance_scale if is_guided(sampling, step, timestep) else 1.0


def control_scale(request: EngineRequest, timestep: float) -> float:
    """How strongly a step is guided by the request's control videos; 1 is not."""
    if request.controls is None or request.control_guidance == 1.0:
        return 1.0
    low, high = request.control_interval or (timestep, timestep)
    return request.control_guidance if low <= timestep <= high else 1.0


def check_guidance(sampling: Sampling) -> None:
    """Raise a :class:`UsageError` for limits that mean nothing."""
    if sampling.guidance_interval is not None:
        interval = tuple(sampling.guidance_interval)
        if len(interval) != 2 or interval[0] > interval[1]:
            raise UsageError(
                f"guidance_interval is {sampling.guidance_interval}; expected (low, high) timesteps between 0 and 1001."
            )
    if sampling.guidance_steps is not None and sampling.guidance_steps < 0:
        raise UsageError(f"guidance_steps is {sampling.guidance_steps}; expected the number of first steps, 0 or more.")
