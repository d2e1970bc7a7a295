"""A stand-in for CUDA graphs that works on a CPU: what was recorded runs again on the places that it was recorded with.

As with a graph, a replay sees nothing of its caller but the inputs: whatever else the function held stays as it was.
"""

from __future__ import annotations

import pytest
import torch

from cosmos_policy.engine import graphs, native


class FakeRecording:
    def __init__(self, function, places, pool):
        self._function, self._places = function, places
        function(*places)

    def replay(self, inputs):
        for place, given in zip(self._places, inputs, strict=True):
            place.copy_(given)
        return self._function(*self._places)


class CountedGraphs(graphs.Graphs):
    """Counts what it did: `calls` in all, of them `replays`."""

    def __init__(self, device: torch.device, limit: int):
        super().__init__(device, limit)
        self.works, self.calls, self.replays = True, 0, 0

    def run(self, key, function, *inputs):
        self.calls += 1
        known = self._seen.get(key) is not None
        self.replays += known
        return super().run(key, function, *inputs)


def record_on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Engines that are made from now on record their small steps."""
    monkeypatch.setattr(graphs, "_Recording", FakeRecording)
    monkeypatch.setattr(native, "Graphs", CountedGraphs)
