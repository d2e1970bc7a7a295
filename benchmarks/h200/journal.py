"""What a run measured: told as it comes, and written to one JSON file per section."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cosmos_policy.bench.measure import Measurement


class Journal:
    """Prints every figure as it comes, and writes all of them after each: a run that is cut short keeps what it has."""

    def __init__(self, path: Path):
        self._path, self._started, self._entries = path, time.perf_counter(), []

    def note(self, name: str, **figures: Any) -> None:
        """Figures of any kind that JSON can hold."""
        shown = ", ".join(f"{key} {_short(value)}" for key, value in figures.items())
        self._add({"name": name, **figures}, f"{name}: {shown}")

    def measured(self, name: str, taken: Measurement, **more: Any) -> None:
        """A measurement, and what else is to be said of it."""
        stages = {stage: round(spread.p50, 1) for stage, spread in taken.stages.items()}
        line = (
            f"{name} | {taken.engine.split()[0]} x{taken.batch}: p50 {taken.total.p50:.1f} p99 {taken.total.p99:.1f} "
            f"ms ({taken.calls} calls), {taken.per_second:.3f}/s, {taken.peak_bytes / 2**30:.1f} GiB, {stages} "
            f"{more or ''}"
        )
        self._add({"name": name, "measurement": asdict(taken), **more}, line)

    def _add(self, entry: dict[str, Any], line: str) -> None:
        self._entries.append({"at_s": round(time.perf_counter() - self._started, 1), **entry})
        self._path.write_text(json.dumps(self._entries, indent=2))
        print(f"[{self._path.stem} {self._entries[-1]['at_s']:6.1f} s] {line}", flush=True)


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
