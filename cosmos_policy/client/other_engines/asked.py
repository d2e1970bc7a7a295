"""What another engine is asked: a request in the network's own terms, and beside it in the robot's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from cosmos_policy.calls.job import Job
from cosmos_policy.engine.request import EngineRequest
from cosmos_policy.errors import Failure, UsageError
from embodiments import Embodiment


@dataclass(frozen=True)
class Asked:
    """One action call, prepared as for a model in this process.

    job: canvas, prompt, normalised rows and settled sampling. request: the typed one. frames: uint8 [F, H, W, 3], the
    composed frames as they were before they were fitted to the canvas. state: the robot's, or None.
    """

    job: Job
    request: Any
    frames: np.ndarray
    state: Mapping[str, np.ndarray] | None

    @property
    def engine(self) -> EngineRequest:
        return self.job.request

    @property
    def robot(self) -> Embodiment:
        return self.job.embodiment

    @property
    def steps(self) -> int:
        """Actions of the chunk."""
        return self.engine.num_frames - 1

    @property
    def known_actions(self) -> np.ndarray:
        """float32 [p, D]: the chunk's own rows that are given: all for forward dynamics, a prefix, or none."""
        return self.engine.rows[self.job.past_rows :][self.engine.clean_rows[self.job.past_rows :]]


def whole_rate(fps: float) -> int:
    """Frames per second as vLLM-Omni's forms take them: whole."""
    if fps != int(fps):
        raise UsageError(f"This engine takes whole frames per second only, and the robot has {fps:g}.")
    return int(fps)


def canvas_size(request: EngineRequest) -> str:
    """ "832x480", the canvas in the form's words."""
    return f"{request.fit.canvas_width}x{request.fit.canvas_height}"


def read_rows(values: Any, steps: int, width: int, name: str) -> np.ndarray:
    """float32 [steps, width] of an answer; a :class:`Failure` where it has another shape, or is no number."""
    try:
        rows = np.asarray(values, dtype=np.float32)
    except (TypeError, ValueError):
        raise Failure(f"{name} sent actions that are no table of numbers.") from None
    if rows.ndim == 3 and rows.shape[0] == 1:  # a batch of one
        rows = rows[0]
    if rows.shape != (steps, width):
        raise Failure(f"{name} sent actions of shape {list(rows.shape)}; expected [{steps}, {width}].")
    if not np.isfinite(rows).all():
        raise Failure(f"{name} sent actions that are NaN or infinite; none of them may reach a robot.")
    return rows
