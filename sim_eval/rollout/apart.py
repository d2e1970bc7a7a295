"""Several worlds at once, each in a process of its own; one model answers all of them, in batches.

A simulator keeps one core busy, a model wants to be asked for many chunks at a time. So a worker plays whole episodes
and asks through its pipe; this process collects the questions that wait and answers them in one call.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import embodiments
from cosmos_policy.errors import Failure, UsageError
from cosmos_policy.types import ActionChunk, PolicyRequest
from cosmos_policy.world_action_model import WorldActionModel
from sim_eval.processes import follow_the_first_process
from sim_eval.rollout.episode import Task
from sim_eval.rollout.playing import Job, OneWorld, perform
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.worlds import open_world


def play_apart(
    settings: RolloutSettings, task: Task, model: WorldActionModel, jobs: Sequence[Job]
) -> Iterator[dict[str, Any]]:
    """Plays episodes in ``settings.environments`` worlds; their records in the order in which they end.

    Raises what a world raised; :class:`Failure` where a process died.
    """
    todo = list(reversed(jobs))
    # A copy that came through a pipe looks like a robot whose normaliser the caller chose: the checkpoint's own would
    # not be used.
    robot = embodiments.get(settings.embodiment)
    workers = dict(_start(settings, task) for _ in range(min(settings.environments, len(todo))))
    try:
        for connection in workers:
            connection.send(todo.pop())
        while workers:
            asked: list[tuple[Connection, PolicyRequest]] = []
            for connection in wait(list(workers)):
                message = _receive(connection, workers[connection])
                if isinstance(message, PolicyRequest):
                    asked.append((connection, replace(message, embodiment=robot)))
                    continue
                connection.send(todo[-1] if todo else None)
                if todo:
                    todo.pop()
                else:
                    workers.pop(connection).join()
                yield message
            if asked:
                chunks = model.policy([request for _, request in asked])
                for (connection, _), chunk in zip(asked, chunks, strict=True):
                    connection.send(chunk)
    finally:
        for process in workers.values():
            process.terminate()


@dataclass(frozen=True)
class _Raised:
    """What went wrong in a worker, as a user should read it."""

    sentence: str
    usage: bool


def _start(settings: RolloutSettings, task: Task) -> tuple[Connection, BaseProcess]:
    context = multiprocessing.get_context("spawn")  # OpenGL and torch do not survive a fork
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, settings, task), daemon=True)
    process.start()
    theirs.close()
    return ours, process


def _receive(connection: Connection, process: BaseProcess) -> PolicyRequest | dict[str, Any]:
    try:
        message = connection.recv()
    except EOFError:
        process.join()
        raise Failure(
            f"a process with a world in it died (exit code {process.exitcode}; out of memory, or killed): the same "
            "command goes on, with fewer --environments if memory was short"
        ) from None
    if isinstance(message, _Raised):
        raise (UsageError if message.usage else Failure)(message.sentence)
    return message


class _AskingModel(WorldActionModel):
    """The model as a worker sees it: at the other end of its pipe. A world asks for chunks and for nothing else."""

    def __init__(self, pipe: Connection) -> None:
        self._pipe = pipe

    def sampling_for(self, embodiment: Any, sampling: Any = None) -> Any:
        raise UsageError("a world asks for chunks alone")

    def _run_policy(self, requests: Sequence[PolicyRequest]) -> list[ActionChunk]:
        chunks = []
        for request in requests:
            self._pipe.send(request)
            chunks.append(self._pipe.recv())
        return chunks

    def _run_inverse_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        raise UsageError("a world asks for chunks alone")

    def _run_forward_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        raise UsageError("a world asks for chunks alone")


def _work(pipe: Connection, settings: RolloutSettings, task: Task) -> None:
    """The life of a worker: jobs in, records of episodes out."""
    follow_the_first_process()
    try:
        with OneWorld(lambda group: open_world(settings, group)) as worlds:
            model = _AskingModel(pipe)
            while (job := pipe.recv()) is not None:
                pipe.send(perform(settings, worlds.of(job.group), model, task, job))
    except (Failure, ValueError) as error:
        pipe.send(_Raised(str(error), isinstance(error, ValueError)))
