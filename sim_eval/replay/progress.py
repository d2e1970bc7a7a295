"""How far a run is, on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import sys
import time
from types import TracebackType

PLAIN_INTERVAL_S = 15.0


class Progress:
    """A context manager. `advance` is called once a finished window; `done` windows were finished by an earlier run."""

    def __init__(self, total: int, done: int, quiet: bool = False) -> None:
        self._total, self._done, self._fresh = total, done, 0
        self._quiet = quiet
        self._started = self._spoken = time.monotonic()
        self._bar = self._task = None

    def __enter__(self) -> Progress:
        if not self._quiet and sys.stderr.isatty():
            self._bar = _make_bar()
            self._task = self._bar.add_task("replay", total=self._total, completed=self._done, what="")
            self._bar.start()
        elif not self._quiet:
            self._say(f"{self._total - self._done} windows to do" + (f", {self._done} done before" * bool(self._done)))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def advance(self, what: str) -> None:
        """One more window is done; `what` says of which kind."""
        self._fresh += 1
        if self._bar is not None:
            self._bar.update(self._task, advance=1, what=what)
            return
        now = time.monotonic()
        last = self._done + self._fresh == self._total
        if not self._quiet and (last or now - self._spoken >= PLAIN_INTERVAL_S):
            self._spoken = now
            left = (now - self._started) / self._fresh * (self._total - self._done - self._fresh)
            self._say(f"{self._done + self._fresh} of {self._total} windows ({what}), about {left:.0f} s left")

    @staticmethod
    def _say(line: str) -> None:
        print(f"replay: {line}", file=sys.stderr, flush=True)


def _make_bar():
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    return RichProgress(
        TextColumn("[bold]replay"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[what]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )
