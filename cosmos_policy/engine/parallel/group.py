"""The first of several processes leads: it is asked, tells the others, and answers. All run the same engine."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from torch import distributed

from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.engine.request import WARM_UP_ROUNDS, EngineRequest, EngineResult, OnStep, Rest
from cosmos_policy.errors import DeviceLost, UsageError

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Run:
    """Run these requests. stepped: wait for :class:`GoOn` or :class:`Stop` after each denoising step; another `Run` may
    come in between."""

    requests: tuple[EngineRequest, ...]
    stepped: bool


@dataclass(frozen=True)
class Do:
    """Call this function with the engine, with what such functions remember (a map), and with these arguments."""

    function: Callable[..., None]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class GoOn:
    """Make the next step."""


@dataclass(frozen=True)
class Stop:
    """Leave the run that waits."""


@dataclass(frozen=True)
class Close:
    """End."""


class _Stopped(Exception):
    """A run was left."""


class GroupEngine:
    """The first process's engine: an :class:`~cosmos_policy.engine.request.Engine` on several devices.

    engine: its own part. watch: returns a sentence where one of the others has ended, else None. at_close: ends them;
    told whether they end by themselves. A run that fails here alone leaves the others in the middle of an exchange: the
    group is given up then, and every later call raises :class:`DeviceLost`.
    """

    def __init__(
        self,
        engine: NativeEngine,
        mesh: Mesh,
        watch: Callable[[], str | None] = lambda: None,
        at_close: Callable[[bool], None] = lambda patient: None,
    ):
        self._engine, self._mesh, self._watch, self._at_close = engine, mesh, watch, at_close
        self._given_up: str | None = None
        self.device, self.transformer = engine.device, engine.transformer
        self.name = f"{engine.name[:-1]}, {mesh.sizes.describe()})"

    @property
    def whole_language(self) -> bool:
        """Whether this process holds all language weights, as a reasoner needs them."""
        return self._mesh.sizes.tensor == 1

    def everywhere(self, function: Callable[..., None], *arguments: Any) -> None:
        """Let every other process call `function`, importable there, as :class:`Do` says."""
        self._tell(Do(function, arguments))

    def give_up(self, reason: str) -> None:
        """The others are in the middle of an exchange that will never end."""
        self._give_up(reason)

    def run(
        self, requests: Sequence[EngineRequest], on_step: OnStep | None = None, rest: Rest | None = None
    ) -> list[EngineResult]:
        """Answers, in order. Only the first process decodes: in its rests there, the others are free already."""
        self._tell(Run(tuple(requests), on_step is not None))
        told: list[BaseException] = []

        def step(done: int, steps: int) -> None:
            try:
                on_step(done, steps)
            except BaseException as error:
                told.append(error)
                self._tell(Stop())
                raise
            self._tell(GoOn())

        def rest_alone() -> None:
            try:
                rest()
            except BaseException as error:
                told.append(error)
                raise

        try:
            steps = None if on_step is None else step
            return self._engine.run(requests, steps, None if rest is None else rest_alone)
        except UsageError:  # the same one in every process, before anything was exchanged
            raise
        except BaseException as error:
            if error not in told:
                self._give_up(f"a run failed in the first of {self._mesh.sizes.processes} processes ({error!r})")
            raise

    def warm_up(self, requests: Sequence[EngineRequest], other_prompts: bool = True) -> None:
        """Run `requests` until every kernel they need is chosen and compiled; and with other prompts."""
        for _ in range(WARM_UP_ROUNDS if self.device.type == "cuda" else 1):
            self.run(requests)
        for others in self._engine.with_other_prompts(requests) if other_prompts else ():
            self.run(others)

    def close(self) -> None:
        """End the others, and drop the weights. Closing twice is harmless."""
        if self.transformer is None:
            return
        self.transformer = None
        if self._given_up is None:
            with contextlib.suppress(RuntimeError):  # they have ended already
                self._mesh.tell(Close())
        self._at_close(self._given_up is None)
        self._engine.close()
        distributed.destroy_process_group()

    def _tell(self, message: object) -> None:
        lost = self._given_up or self._watch()
        if lost is None:
            try:
                self._mesh.tell(message)
                return
            except RuntimeError as error:
                lost = f"a process of the group cannot be reached ({error})"
        self._give_up(lost)
        raise DeviceLost(f"The model's processes cannot go on: {self._given_up}. Load the model again.")

    def _give_up(self, reason: str) -> None:
        if self._given_up is None:
            self._given_up = reason
            logger.error("the processes of this model are given up: %s", reason)


def follow(engine: NativeEngine, mesh: Mesh) -> None:
    """What every other process does: run what the first one runs, until it closes or is gone."""
    with contextlib.suppress(_Closed):
        _follow(engine, mesh, {})
    engine.close()
    distributed.destroy_process_group()


class _Closed(Exception):
    """The first process has closed, or is gone."""


def _follow(engine: NativeEngine, mesh: Mesh, memory: dict[str, Any]) -> None:
    """Until :class:`GoOn` says that the run that waits goes on. memory: what :class:`Do` leaves behind."""
    while True:
        try:
            message = mesh.hear()
        except RuntimeError:
            raise _Closed from None  # it is gone: its connection is closed
        if isinstance(message, GoOn):
            return
        if isinstance(message, Stop):
            raise _Stopped
        if isinstance(message, Close):
            raise _Closed
        if isinstance(message, Do):
            message.function(engine, memory, *message.arguments)
            continue
        steps = (lambda done, steps: _follow(engine, mesh, memory)) if message.stepped else None
        with contextlib.suppress(UsageError, _Stopped):
            engine.run(message.requests, steps)
