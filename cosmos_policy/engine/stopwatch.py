"""How long each stage takes, without making the device wait for the answer."""

from __future__ import annotations

import time

import torch


class Stopwatch:
    """Marks the end of stages; reads the times afterwards. On CUDA the marks are events in the stream."""

    def __init__(self, device: torch.device):
        self._device = device
        self._marks: list[tuple[str, object]] = [("", self._now())]

    def mark(self, stage: str) -> None:
        """`stage` ends here."""
        self._marks.append((stage, self._now()))

    def read(self) -> tuple[dict[str, float], tuple[float, ...]]:
        """stage -> milliseconds, in order, and the milliseconds of each denoising step (stages called "step")."""
        if self._device.type == "cuda":
            self._marks[-1][1].synchronize()
        stages: dict[str, float] = {}
        steps = []
        for (_, before), (stage, after) in zip(self._marks[:-1], self._marks[1:], strict=True):
            elapsed = before.elapsed_time(after) if self._device.type == "cuda" else 1e3 * (after - before)
            if stage == "step":
                steps.append(elapsed)
                stage = "denoise"
            stages[stage] = stages.get(stage, 0.0) + elapsed
        return stages, tuple(steps)

    def _now(self):
        if self._device.type != "cuda":
            return time.perf_counter()
        event = torch.cuda.Event(enable_timing=True)
        event.record()
        return event
