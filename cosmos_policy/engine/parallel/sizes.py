"""How many processes share what. Knows no torch, so that a command line can check it."""

from __future__ import annotations

from dataclasses import dataclass
from numbers import Integral

from cosmos_policy.errors import UsageError


@dataclass(frozen=True)
class Parallel:
    """Three ways to share one model, which multiply.

    tensor: each process holds this part of every layer's weights, and sums are exchanged twice a layer: for networks
        that one device cannot hold. context: each computes this part of the tokens; keys and values are exchanged once
        a layer. guidance: each computes some of the branches (both of guidance, and those of all requests of a batch);
        only velocities are exchanged, once a step. With context and guidance every process holds all weights.
    """

    tensor: int = 1
    context: int = 1
    guidance: int = 1

    def __post_init__(self) -> None:
        for name in ("tensor", "context", "guidance"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise UsageError(f"{name}_parallel is {value!r}; expected a number of devices, 1 or more.")

    @property
    def processes(self) -> int:
        """In all."""
        return self.tensor * self.context * self.guidance

    def describe(self) -> str:
        """ "tensor 2, guidance 2"."""
        parts = {"tensor": self.tensor, "context": self.context, "guidance": self.guidance}
        return ", ".join(f"{name} {size}" for name, size in parts.items() if size > 1)
