"""Several imagined worlds at once, each in a thread of its own; what they ask meanwhile is answered in batches.

An imagined world does next to nothing by itself: it waits for the model. So every world plays whole episodes in its
thread and asks through an :class:`Exchange`; the first thread waits until all of them wait, and then answers all the
chunks that were asked for in one call, all the frames in another, all the judge's questions in a third.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cosmos_policy.types import Sampling
from cosmos_policy.world_action_model import WorldActionModel
from embodiments import Embodiment
from sim_eval.rollout.episode import Task
from sim_eval.rollout.playing import Job, OneWorld, perform
from sim_eval.rollout.settings import RolloutSettings
from sim_eval.rollout.worlds import open_beginnings, open_world
from sim_eval.rollout.worlds.beginnings import Beginnings
from sim_eval.world_model.starts.base import Start


def play_together(
    settings: RolloutSettings,
    task: Task,
    model: WorldActionModel,
    jobs: Sequence[Job],
    imaginer: WorldActionModel,
) -> Iterator[dict[str, Any]]:
    """Plays episodes in ``settings.environments`` imagined worlds; their records in the order in which they end.

    Raises what a world or a model raised.
    """
    todo: queue.SimpleQueue[Job] = queue.SimpleQueue()
    for job in jobs:
        todo.put(job)
    exchange = Exchange()
    shared = _SharedBeginnings(settings, exchange)

    def work(asker: Asker) -> None:
        acts, imagines = AskingModel(model, asker), AskingModel(imaginer, asker)
        with OneWorld(lambda group: open_world(settings, group, imagines, shared.seen_by(asker))) as worlds:
            while (job := _next(todo)) is not None:
                asker.tell(perform(settings, worlds.of(job.group), acts, task, job))

    try:
        yield from exchange.run(work, min(settings.environments, len(jobs)))
    finally:
        shared.close()


@dataclass(frozen=True, eq=False)
class Question:
    """What a thread waits for: the answers of a call ("policy", ...) of a model to requests, or what `does` gives in
    the first thread."""

    model: WorldActionModel | None = None
    call: str = ""
    requests: Sequence[Any] = ()
    does: Callable[[], Any] | None = None


@dataclass(frozen=True)
class _Ended:
    error: BaseException | None = None


class _Stopped(BaseException):
    """Raised in a thread that waits when nobody will answer it any more."""


@dataclass(eq=False)
class Asker:
    """One thread's end of an exchange."""

    inbox: queue.SimpleQueue
    answers: queue.SimpleQueue = field(default_factory=queue.SimpleQueue)

    def ask(self, question: Question) -> Any:
        """The answer to a question; waits for it."""
        self.inbox.put((self, question))
        answer = self.answers.get()
        if isinstance(answer, _Stopped):
            raise answer
        return answer

    def tell(self, record: dict[str, Any]) -> None:
        """Hands over a result; the thread goes on once it was taken."""
        self.ask(Question(does=lambda: record))


class Exchange:
    """Threads that ask, and the first thread that answers when all of them wait."""

    def __init__(self) -> None:
        self._inbox: queue.SimpleQueue = queue.SimpleQueue()

    def run(self, work: Callable[[Asker], None], number: int) -> Iterator[dict[str, Any]]:
        """Runs `work` in so many threads; what they tell (:meth:`Asker.tell`) as it comes."""
        running = [Asker(self._inbox) for _ in range(number)]
        for asker in running:
            threading.Thread(target=self._live, args=(work, asker), daemon=True).start()
        try:
            while running:
                waiting: list[tuple[Asker, Question]] = []
                for _ in range(len(running)):
                    asker, message = self._inbox.get()
                    if not isinstance(message, _Ended):
                        waiting.append((asker, message))
                        continue
                    running.remove(asker)
                    if message.error is not None:
                        raise message.error
                yield from _answer(waiting)
        finally:
            for asker in running:
                asker.answers.put(_Stopped())

    def _live(self, work: Callable[[Asker], None], asker: Asker) -> None:
        try:
            work(asker)
        except _Stopped:
            return
        except BaseException as error:
            self._inbox.put((asker, _Ended(error)))
        else:
            self._inbox.put((asker, _Ended()))


def _answer(waiting: Sequence[tuple[Asker, Question]]) -> Iterator[dict[str, Any]]:
    """Answers every question that waits; one call of the model for all that ask it the same kind."""
    batches: dict[tuple[int, str], list[tuple[Asker, Question]]] = {}
    for asker, question in waiting:
        if question.does is None:
            batches.setdefault((id(question.model), question.call), []).append((asker, question))
            continue
        answer = question.does()
        if isinstance(answer, dict):
            yield answer
        asker.answers.put(answer)
    for batch in batches.values():
        first = batch[0][1]
        answers = iter(getattr(first.model, first.call)([one for _, asked in batch for one in asked.requests]))
        for asker, asked in batch:
            asker.answers.put([next(answers) for _ in asked.requests])


class AskingModel(WorldActionModel):
    """A model as a thread sees it: what it is asked goes through the exchange."""

    def __init__(self, model: WorldActionModel, asker: Asker) -> None:
        self._model, self._asker = model, asker
        self.info = model.info

    def embodiment_for(self, embodiment: Any) -> Embodiment:
        return self._model.embodiment_for(embodiment)

    def sampling_for(self, embodiment: Any, sampling: Sampling | None = None) -> Sampling:
        return self._model.sampling_for(embodiment, sampling)

    def _ask(self, call: str, requests: Sequence[Any]) -> list[Any]:
        return self._asker.ask(Question(self._model, call, list(requests)))

    def _run_policy(self, requests: Sequence[Any]) -> list[Any]:
        return self._ask("policy", requests)

    def _run_inverse_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        return self._ask("inverse_dynamics", requests)

    def _run_forward_dynamics(self, requests: Sequence[Any]) -> list[Any]:
        return self._ask("forward_dynamics", requests)

    def _run_reason(self, requests: Sequence[Any]) -> list[Any]:
        return self._ask("reason", requests)


class _SharedBeginnings:
    """How the episodes of each group begin, opened once, in the first thread: a simulator draws in the thread that
    made it."""

    def __init__(self, settings: RolloutSettings, exchange: Exchange) -> None:
        self._settings, self._exchange = settings, exchange
        self._open: dict[str, Beginnings] = {}

    def seen_by(self, asker: Asker) -> Callable[[RolloutSettings, str], Beginnings]:
        """As a thread opens them."""
        return lambda _, group: _AskedBeginnings(asker.ask(Question(does=lambda: self._of(group))), asker)

    def _of(self, group: str) -> Beginnings:
        if group not in self._open:
            self._open[group] = open_beginnings(self._settings, group)
        return self._open[group]

    def close(self) -> None:
        for beginnings in self._open.values():
            beginnings.close()


class _AskedBeginnings(Beginnings):
    """How episodes begin, asked of the first thread."""

    def __init__(self, beginnings: Beginnings, asker: Asker) -> None:
        self._beginnings, self._asker = beginnings, asker
        self.robot, self.frame_size = beginnings.robot, beginnings.frame_size
        self.time_limit_s = beginnings.time_limit_s

    def begin(self, seed: int) -> Start:
        return self._asker.ask(Question(does=lambda: self._beginnings.begin(seed)))

    def close(self) -> None:
        """The others still need them."""


def _next(todo: queue.SimpleQueue) -> Job | None:
    try:
        return todo.get_nowait()
    except queue.Empty:
        return None
