"""One run of a fleet on a site, event by event, with simpy.

A replica orders, batches and refuses as ``cosmos_policy.server.scheduling.Scheduler`` does, and learns its service
times with the server's own ``ServiceTimes``: where the two part, the simulation is wrong.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

import numpy as np

from cosmos_policy.capacity.fleet import Fleet, Site
from cosmos_policy.capacity.measured import MeasuredService
from cosmos_policy.errors import UsageError
from cosmos_policy.server.scheduling.service_times import ServiceTimes

KIND = "policy"
#: Answers of a run's beginning, while queues fill, are not counted: this share of the run.
WARM_UP = 0.2


@dataclass(frozen=True)
class Outcome:
    """What a run came to. latency_s: p50, p99 and the largest, of answers as robots feel them; infinite without any.
    answered, late: answers, and those after their deadline. refused: reason -> questions without an answer. starved:
    share of the robots' time in which their last chunk was used up. busy: share of the GPUs' time. batch: mean size."""

    seconds: float
    answered: int
    late: int
    refused: dict[str, int]
    latency_s: tuple[float, float, float]
    starved: float
    busy: float
    batch: float

    @property
    def missed(self) -> float:
        """Share of questions that had no answer in time."""
        asked = self.answered + sum(self.refused.values())
        return (self.late + sum(self.refused.values())) / asked if asked else 1.0


def simulate(fleet: Fleet, site: Site, service: MeasuredService, *, seconds: float, seed: int = 0) -> Outcome:
    """Run `fleet` on `site` for `seconds` of its own time. The same seed gives the same run."""
    try:
        import simpy
    except ModuleNotFoundError:
        raise UsageError("The capacity simulation needs simpy: install cosmos-policy[capacity].") from None
    if not seconds > 0:
        raise UsageError(f"seconds is {seconds:g}; expected more than 0.")
    random, clock = Random(seed), simpy.Environment()
    counted = _Counted(seconds * WARM_UP)
    replicas = [_Replica(clock, site, service, Random(random.random()), counted) for _ in range(site.gpus)]
    for _ in range(fleet.robots):
        clock.process(_robot(clock, fleet, site, replicas, Random(random.random()), counted))
    clock.run(until=seconds)
    span = seconds * (1 - WARM_UP)
    latencies = np.asarray(counted.latencies)
    felt = (*np.percentile(latencies, (50, 99)), latencies.max()) if counted.latencies else (math.inf,) * 3
    return Outcome(
        seconds=span,
        answered=len(counted.latencies),
        late=sum(latency > fleet.deadline_s for latency in counted.latencies),
        refused=dict(counted.refused),
        latency_s=tuple(map(float, felt)),
        starved=counted.starved_s / (span * fleet.robots),
        busy=counted.busy_s / (span * site.gpus),
        batch=float(np.mean(counted.batches)) if counted.batches else 0.0,
    )


@dataclass(eq=False)
class _Counted:
    since_s: float
    latencies: list[float] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    batches: list[int] = field(default_factory=list)
    busy_s: float = 0.0
    starved_s: float = 0.0


@dataclass(eq=False)
class _Question:
    """arrived_s, deadline_s: on the simulation's clock. answer: succeeds with None, or with the reason of a refusal."""

    arrived_s: float
    deadline_s: float
    answer: Any


class _Replica:
    """A server with one GPU."""

    def __init__(self, clock: Any, site: Site, service: MeasuredService, random: Random, counted: _Counted):
        self._clock, self._site, self._service, self._random = clock, site, service, random
        self._counted, self._times = counted, ServiceTimes()
        self._waiting: list[_Question] = []
        self._running = 0
        self._wake = clock.event()
        # A server warms up before it is ready, and knows what one request takes.
        self._times.note(KIND, 1, service.median_s(1) + site.between_s)
        clock.process(self._serve())

    @property
    def load(self) -> int:
        """Questions that wait or are computed."""
        return len(self._waiting) + self._running

    def ask(self, question: _Question) -> None:
        if self._clock.now >= question.deadline_s:
            question.answer.succeed("stale")
        elif len(self._waiting) >= self._site.max_queue:
            question.answer.succeed("overloaded")
        else:
            self._waiting.append(question)
            if not self._wake.triggered:
                self._wake.succeed()

    def _serve(self) -> Iterator[Any]:
        clock, site = self._clock, self._site
        while True:
            yield self._wake
            self._wake = clock.event()
            if self._waiting and site.batch_wait_s:
                yield clock.timeout(site.batch_wait_s)
            while self._waiting:
                batch = self._next_batch()
                if not batch:
                    continue
                self._running, began_s = len(batch), clock.now
                yield clock.timeout(site.between_s + self._service.draw_s(len(batch), self._random))
                self._running = 0
                self._times.note(KIND, len(batch), clock.now - began_s)
                if began_s >= self._counted.since_s:
                    self._counted.busy_s += clock.now - began_s
                    self._counted.batches.append(len(batch))
                for question in batch:
                    question.answer.succeed(None)

    def _next_batch(self) -> list[_Question]:
        """The most urgent question, and what can be computed with it without making any of them late."""
        now, chosen = self._clock.now, []
        self._waiting.sort(key=lambda question: question.deadline_s)
        for question in list(self._waiting):
            if self._late(question, now, 1):
                self._waiting.remove(question)
                question.answer.succeed("stale")
                continue
            larger = [*chosen, question]
            if not chosen or (
                len(chosen) < self._site.max_batch and not any(self._late(one, now, len(larger)) for one in larger)
            ):
                chosen = larger
        for question in chosen:
            self._waiting.remove(question)
        return chosen

    def _late(self, question: _Question, now: float, size: int) -> bool:
        return now + (self._times.expect(KIND, size) or 0.0) > question.deadline_s


def _choose(replicas: list[_Replica], routing: str, random: Random) -> _Replica:
    """The least loaded replica, of all or of two drawn ones."""
    asked = random.sample(replicas, 2) if routing == "two" and len(replicas) > 1 else replicas
    least = min(replica.load for replica in asked)
    return random.choice([replica for replica in asked if replica.load == least])


def _robot(
    clock: Any, fleet: Fleet, site: Site, replicas: list[_Replica], random: Random, counted: _Counted
) -> Iterator[Any]:
    """Asks once a period, one question at a time; asks anew at the next action where it was refused."""
    yield clock.timeout(random.uniform(0.0, fleet.period_s))
    covered_s = clock.now + fleet.cover_s  # the simulation begins with robots that move
    while True:
        captured_s = clock.now
        yield clock.timeout(site.outside_s / 2)
        question = _Question(clock.now, captured_s + fleet.deadline_s, clock.event())
        _choose(replicas, site.routing, random).ask(question)
        refusal = yield question.answer
        yield clock.timeout(site.outside_s / 2)
        now, counts = clock.now, captured_s >= counted.since_s
        if refusal is None:
            if counts:
                counted.latencies.append(now - captured_s)
                counted.starved_s += max(0.0, now - max(covered_s, captured_s))
            covered_s = captured_s + fleet.cover_s
            period_s = fleet.period_s * (1.0 + random.uniform(-fleet.jitter, fleet.jitter))
            yield clock.timeout(max(0.0, captured_s + period_s - now))
        else:
            wait_s = max(0.0, captured_s + 1.0 / fleet.rate_hz - now)
            if counts:
                counted.refused[refusal] += 1
                counted.starved_s += max(0.0, now + wait_s - max(covered_s, captured_s))
            yield clock.timeout(wait_s)
