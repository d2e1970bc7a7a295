"""How far a computation is, step by step, on stderr: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time

PLAIN_INTERVAL_S = 15.0


class StepBar:
    """A context manager; :meth:`update` is told (steps done, steps in all)."""

    def __init__(self, name: str):
        self._name, self._bar, self._task = name, None, None
        self._spoken_s = time.monotonic()

    def __enter__(self) -> StepBar:
        if sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

            columns = TextColumn(f"[bold]{self._name}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
            self._bar = Progress(*columns, console=Console(stderr=True))
            self._task = self._bar.add_task(self._name, total=None)
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def update(self, done: int, steps: int) -> None:
        """`done` of `steps` are done."""
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=steps)
            return
        now = time.monotonic()
        if done == steps or now - self._spoken_s >= PLAIN_INTERVAL_S:
            self._spoken_s = now
            print(f"{self._name}: step {done} of {steps}", file=sys.stderr, flush=True)
