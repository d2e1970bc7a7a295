"""Golden arrays that remember which of them were looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np


class Watched(Mapping):
    """The arrays of one golden file. `require_all_read` fails if a test left one out without a reason."""

    def __init__(self, name: str, arrays: dict[str, np.ndarray]) -> None:
        self.name, self._arrays, self._read = name, arrays, set()

    def __getitem__(self, key: str) -> np.ndarray:
        self._read.add(key)
        return self._arrays[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)

    def require_all_read(self, **not_compared: str) -> None:
        """`not_compared` gives, key by key, the reason why an array is not compared."""
        left = set(self._arrays) - self._read - set(not_compared)
        assert not left, f"{self.name}: never compared: {sorted(left)}"
