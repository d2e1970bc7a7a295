"""Does an answer say one thing, and the thing that was asked?"""

from __future__ import annotations

import numpy as np

from cosmos_policy.types import ActionChunk, PolicyRequest
from embodiments import Embodiment, EmbodimentError
from ros2_nodes.reasons import Cause, Reason

_SAME_TIME_S = 1e-6
_SAME_COMMAND = 1e-3
"""Of a command, in its own unit: far above rounding on the way, far below what a wrong anchor or robot makes."""


def chunk_causes(chunk: ActionChunk, request: PolicyRequest, embodiment: Embodiment) -> tuple[Cause, ...]:
    """Everything that speaks against a chunk by itself: its robot, rate, stamp, shape, numbers, and whether its
    commands are those that its actions mean from the observed state."""
    served = chunk.info.get("embodiment", embodiment.name)
    if served != embodiment.name:
        return (
            Cause(Reason.CONTRACT_CHANGED, f"the answer is for the embodiment {served!r}, not {embodiment.name!r}"),
        )
    steps = embodiment.chunk_size if request.chunk_size is None else request.chunk_size
    shape = np.shape(chunk.unified)
    if shape != (steps, embodiment.action_dim):
        return _inconsistent(f"its actions have shape {list(shape)}, expected {[steps, embodiment.action_dim]}")
    if not np.isfinite(chunk.unified).all():
        return (Cause(Reason.NOT_FINITE, "the chunk holds NaN or infinite actions"),)
    if not abs(chunk.dt - 1.0 / embodiment.fps) <= _SAME_TIME_S:
        return _inconsistent(f"its actions are {chunk.dt} s apart, expected {1.0 / embodiment.fps:.4f} s")
    if not abs(chunk.stamp - request.observation.stamp) <= _SAME_TIME_S:
        return _inconsistent(f"its stamp is {chunk.stamp}, but the observation's was {request.observation.stamp}")
    return _command_causes(chunk, request, embodiment)


def _command_causes(chunk: ActionChunk, request: PolicyRequest, embodiment: Embodiment) -> tuple[Cause, ...]:
    try:
        meant = embodiment.decode(chunk.unified, request.observation.state)
    except EmbodimentError as error:
        return _inconsistent(str(error))
    for name, rows in meant.items():
        told = np.asarray(chunk.commands.get(name, np.zeros(0)), dtype=np.float64)
        if told.shape != rows.shape:
            return _inconsistent(f"its command {name} has shape {list(told.shape)}, expected {list(rows.shape)}")
        if name.endswith("_quaternion_xyzw"):
            told = told * np.sign((told * rows).sum(axis=-1, keepdims=True))  # q and -q are one turn
        off = float(np.abs(told - rows).max(initial=0.0))
        if not off <= _SAME_COMMAND:
            return _inconsistent(f"its command {name} is {off:.3g} away from what its actions mean")
    return ()


def _inconsistent(detail: str) -> tuple[Cause, ...]:
    return (Cause(Reason.CHUNK_INCONSISTENT, detail),)
