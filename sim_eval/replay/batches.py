"""Windows in batches over all episodes, the next ones read while the model is at work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sim_eval.replay.plan import Window

Read = TypeVar("Read")


def batches(windows: Iterable[Window], size: int) -> Iterator[list[Window]]:
    """Batches of at most `size` windows of one call, of any episodes, in the order in which they fill up."""
    waiting: dict[str, list[Window]] = {}
    for window in windows:
        batch = waiting.setdefault(window.call, [])
        batch.append(window)
        if len(batch) == size:
            yield waiting.pop(window.call)
    yield from waiting.values()


def read_ahead(
    batches: Iterable[Sequence[Window]], read: Callable[[Sequence[Window]], Read]
) -> Iterator[tuple[Sequence[Window], Read]]:
    """Each batch with what `read` gives for it; the next is read, in a thread, while the caller is busy with this."""
    with ThreadPoolExecutor(1, thread_name_prefix="replay-reading") as thread:
        coming = None
        for batch in batches:
            asked = batch, thread.submit(read, batch)
            if coming is not None:
                yield coming[0], coming[1].result()
            coming = asked
        if coming is not None:
            yield coming[0], coming[1].result()
