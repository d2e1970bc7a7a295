"""One action at a time, for people whose loop takes one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, Observation
from cosmos_policy.world_action_model import WorldActionModel


class ActionChunkBroker:
    """Asks the model for a chunk when the last one is used up, and gives it out action by action.

    model: local or remote. horizon: actions to execute of each chunk before the next is asked for; None takes all.
    options: the other fields of :class:`~cosmos_policy.types.PolicyRequest` (seed, chunk_size, ...).
    """

    def __init__(
        self, model: WorldActionModel, instruction: str, *, embodiment: Any, horizon: int | None = None, **options: Any
    ):
        if horizon is not None and horizon < 1:
            raise UsageError(f"horizon must be at least 1 action, not {horizon}.")
        self._model, self._instruction, self._embodiment = model, instruction, embodiment
        self._horizon, self._options = horizon, options
        self._step = 0
        self.chunk: ActionChunk | None = None
        """The chunk that is being given out; None before the first."""

    def step(self, observation: Observation) -> Mapping[str, np.ndarray]:
        """The commands for this instant, name -> float64. `observation` is looked at only when a chunk is asked for."""
        if self.chunk is None or self._step >= min(self._horizon or len(self.chunk.unified), len(self.chunk.unified)):
            self.chunk = self._model.policy(
                observation, self._instruction, embodiment=self._embodiment, **self._options
            )
            self._step = 0
        commands = {name: rows[self._step] for name, rows in self.chunk.commands.items()}
        self._step += 1
        return commands

    def reset(self, instruction: str | None = None) -> None:
        """A new episode, with another instruction where one is given: what is left of the chunk is forgotten."""
        self._instruction = instruction if instruction is not None else self._instruction
        self.chunk, self._step = None, 0
        if hasattr(self._model, "reset"):
            self._model.reset()
