"""How far a run is, on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

PLAIN_INTERVAL_S = 15.0


class Progress:
    """A context manager around a run of `total` units ("episodes"), of which an earlier run did `done`."""

    def __init__(self, command: str, units: str, total: int, done: int = 0, quiet: bool = False) -> None:
        self._command, self._units, self._total, self._done, self._quiet = command, units, total, done, quiet
        self._fresh = 0
        self._started = self._spoken = time.monotonic()
        self._bar = self._task = None

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty():
            self._bar = _make_bar(self._command)
            self._task = self._bar.add_task(self._command, total=self._total, completed=self._done, what="")
            self._bar.start()
        elif not self._quiet:
            self._say(
                f"{self._total - self._done} {self._units} to do" + (f", {self._done} done before" * bool(self._done))
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, what: str, by: int = 1) -> None:
        """`by` more units are done (0: only the text changes); `what` says how it goes."""
        self._fresh += by
        if self._bar is not None:
            self._bar.update(self._task, advance=by, what=what)
            return
        now = time.monotonic()
        finished = self._done + self._fresh
        if self._quiet or not (finished == self._total or now - self._spoken >= PLAIN_INTERVAL_S):
            return
        self._spoken = now
        left = ""
        if self._fresh:
            left = f", about {(now - self._started) / self._fresh * (self._total - finished):.0f} s left"
        self._say(f"{finished} of {self._total} {self._units} ({what}){left}")

    def _say(self, line: str) -> None:
        print(f"{self._command}: {line}", file=sys.stderr, flush=True)


def _make_bar(command: str):
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn(f"[bold]{command}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
