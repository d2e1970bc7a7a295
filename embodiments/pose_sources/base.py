"""What a source of poses is."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from embodiments.columns import Field
from embodiments.reading import Reader


class PoseSource(ABC):
    """Reads poses of the robot's own frame from its data, and writes them as its data hold them."""

    @property
    @abstractmethod
    def fields(self) -> tuple[Field, ...]:
        """What it reads. All of them need T+1 rows."""

    @abstractmethod
    def poses(self, reader: Reader) -> np.ndarray:
        """Body-to-world poses, float64 [T+1, 4, 4] (of the present state alone [1, 4, 4])."""

    def commands(self, poses: np.ndarray) -> dict[str, np.ndarray]:
        """The poses [T, 4, 4] in the robot's own representation, by name; none where it cannot be had (joints)."""
        return {}
