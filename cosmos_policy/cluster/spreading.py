"""Much work for many workers: tasks go to whoever is free, results stream back, and a lost worker loses no result."""

from __future__ import annotations

import contextlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from cosmos_policy.cluster.connection import connected, require_resources
from cosmos_policy.errors import Failure, UsageError

#: A task whose workers died this often is likely the cause.
MOST_LOSSES = 3


@dataclass(frozen=True)
class Spread:
    """How work is spread. address: as in :func:`~cosmos_policy.cluster.connection.connected`. workers: None takes one
    for each GPU of the cluster, or without GPUs one for two processors. gpus, cpus: of one worker, as Ray counts them;
    None GPUs takes one where there are any."""

    address: str
    workers: int | None = None
    gpus: float | None = None
    cpus: float = 1.0

    def __post_init__(self) -> None:
        if (self.workers or 1) < 1 or (self.gpus or 0) < 0 or self.cpus < 0:
            raise UsageError(
                f"--workers is {self.workers}, --gpus-per-worker {self.gpus} and --cpus-per-worker {self.cpus:g}; "
                "expected at least 1, 0 and 0."
            )


class Workers:
    """Actors of one class on a cluster. The class has a method ``work(items)``, a generator that yields, for each item,
    (its place in `items`, its result), in any order."""

    def __init__(self, spread: Spread, kind: type, *arguments: Any):
        """kind: made on a worker with `arguments`, which travel there."""
        self._spread, self._kind, self._arguments = spread, kind, arguments

    def __enter__(self) -> Workers:
        self._connection = contextlib.ExitStack()
        self._ray: ModuleType = self._connection.enter_context(connected(self._spread.address))
        try:
            self._staff()
        except BaseException:
            self._connection.close()
            raise
        return self

    def _staff(self) -> None:
        there = self._ray.cluster_resources()
        self._gpus = self._spread.gpus
        if self._gpus is None:
            self._gpus = 1.0 if there.get("GPU") else 0.0
        self._count = self._spread.workers or max(1, int(there.get("GPU", 0) or there.get("CPU", 1) // 2))
        wanted = {"CPU": self._count * self._spread.cpus, "GPU": self._count * self._gpus}
        require_resources(self._ray, wanted, f"{self._count} workers")
        self._actors = [self._start() for _ in range(self._count)]

    def __exit__(self, *_: object) -> None:
        for actor in self._actors:
            self._ray.kill(actor)
        self._connection.close()

    def ask(self, method: str) -> Any:
        """What `method` of one worker returns. Raises what it raised, where that is a sentence of ours."""
        try:
            return self._ray.get(getattr(self._actors[0], method).remote())
        except self._ray.exceptions.RayTaskError as error:
            raise _ours(error) from None
        except self._ray.exceptions.RayActorError as error:
            raise Failure(f"A worker could not be started: {_short(error)}") from None

    def results(self, tasks: Sequence[Sequence[Any]]) -> Iterator[Any]:
        """The results of all items of all tasks, as they come. Items of a worker that died, and that had not come, are
        done again by another one. Raises what a worker raised; :class:`Failure` where one task ends its workers."""
        waiting = deque((tuple(task), 0) for task in tasks)
        at_work: dict[Any, _Round] = {}
        idle = list(self._actors)
        while waiting or at_work:
            while waiting and idle:
                items, losses = waiting.popleft()
                actor = idle.pop()
                stream = actor.work.options(num_returns="streaming").remote(items)
                at_work[stream] = _Round(actor, items, losses)
            ready, _ = self._ray.wait(list(at_work), num_returns=1, fetch_local=False)
            stream = ready[0]
            now = at_work[stream]
            try:
                place, result = self._ray.get(next(stream))
            except StopIteration:
                idle.append(at_work.pop(stream).actor)
                continue
            except self._ray.exceptions.RayTaskError as error:
                raise _ours(error) from None
            except (self._ray.exceptions.RayActorError, self._ray.exceptions.ObjectLostError) as error:
                del at_work[stream]
                if now.losses + 1 >= MOST_LOSSES:
                    raise Failure(
                        f"{MOST_LOSSES} workers died over the same work, the last with: {_short(error)} What was done "
                        "is kept, and the same command goes on from there."
                    ) from None
                idle.append(self._replace(now.actor))
                waiting.appendleft((now.left(), now.losses + 1))
                continue
            now.done.add(place)
            yield result

    def _start(self) -> Any:
        options = {"num_cpus": self._spread.cpus, "num_gpus": self._gpus}
        return self._ray.remote(self._kind).options(**options).remote(*self._arguments)

    def _replace(self, dead: Any) -> Any:
        place = self._actors.index(dead)
        self._actors[place] = self._start()
        return self._actors[place]


class _Round:
    """A task at a worker. done: places of items whose results have come. losses: workers that died over it before."""

    def __init__(self, actor: Any, items: tuple[Any, ...], losses: int):
        self.actor, self.items, self.losses = actor, items, losses
        self.done: set[int] = set()

    def left(self) -> tuple[Any, ...]:
        return tuple(item for place, item in enumerate(self.items) if place not in self.done)


def threads_here() -> int:
    """CPU threads that torch takes in this process; workers take as many, as sums depend on them."""
    import torch

    return torch.get_num_threads()


def use_threads(count: int) -> None:
    """In a worker: as many threads as the process that asked. Ray gives a worker one for each of its processors."""
    import torch

    os.environ["OMP_NUM_THREADS"] = str(count)
    torch.set_num_threads(count)


def _ours(error: Any) -> Exception:
    cause: Callable[..., Any] | Exception | None = getattr(error, "cause", None)
    if isinstance(cause, (Failure, UsageError)):
        return cause
    if isinstance(cause, ValueError) and type(cause).__module__.partition(".")[0] == "embodiments":
        return UsageError(str(cause))
    return Failure(f"A worker failed: {_short(error)}")


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[-400:]
