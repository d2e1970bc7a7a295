"""The ingress's side of a request, with deployments that are played here: no Ray, no model."""

import asyncio
import time
from dataclasses import replace

import pytest

from cosmos_policy.cluster.dispatch import Dispatcher, ReplicaGone, prompt_key
from cosmos_policy.cluster.errand import Outcome
from cosmos_policy.server.errors import Invalid, NotLoaded, Overloaded, Stale, WorkerLost
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling import Ticket
from cosmos_policy.server.scheduling.ticket import JOB, ROBOT
from cosmos_policy.server.settings import Scheduling
from cosmos_policy.types import PolicyRequest

IDENTITY = {"deployment": "fake", "checkpoint": "fake", "revision": "1", "contract_sha256": "1"}
ANSWER = Outcome("r1", answer="an answer", compute_ms=10.0, batch_size=1, identity=IDENTITY)


class FakeTarget:
    """Plays a deployment: every request takes the next of `turns` (an outcome, or what happens instead)."""

    def __init__(self, *turns, name="fake", calls=("policy",)):
        self.name, self.calls, self.errands = name, calls, []
        self._turns = list(turns)

    async def compute(self, errand):
        self.errands.append(errand)
        turn = self._turns.pop(0) if len(self._turns) > 1 else self._turns[0]
        if isinstance(turn, float):
            await asyncio.sleep(turn)
            return ANSWER
        if isinstance(turn, Exception):
            raise turn
        return turn

    async def follow(self, errand):
        self.errands.append(errand)
        for item in self._turns.pop(0):
            if isinstance(item, Exception):
                raise item
            yield item


def ticket(deadline_in_s=None, priority=ROBOT, call="policy", tell=None):
    now = time.monotonic()
    return Ticket(
        call=call,
        request=PolicyRequest(None, "lift the cube", "droid", seed=1),
        shape=(),
        session=("everybody", "a"),
        group=1,
        arrived_s=now,
        captured_s=now,
        deadline_s=None if deadline_in_s is None else now + deadline_in_s,
        priority=priority,
        tell=tell,
    )


def submit(*targets, max_queue=8, refuse_before_s=0.05, **asked):
    async def run():
        dispatcher = Dispatcher(targets, Scheduling(max_queue), Metrics(), refuse_before_s=refuse_before_s)
        return await dispatcher.submit(ticket(**asked))

    return asyncio.run(run())


def test_an_answer_says_what_computed_it():
    computed = submit(FakeTarget(ANSWER))
    assert (computed.answer, computed.identity, computed.batch_size) == ("an answer", IDENTITY, 1)


def test_a_request_of_a_killed_replica_is_asked_again_and_answered():
    target = FakeTarget(ReplicaGone("killed"), ANSWER)
    assert submit(target, deadline_in_s=5.0).answer == "an answer"
    assert len(target.errands) == 2
    assert target.errands[1].deadline_in_s < target.errands[0].deadline_in_s


def test_a_request_that_ends_three_replicas_is_likely_the_cause():
    target = FakeTarget(ReplicaGone("killed"))
    with pytest.raises(WorkerLost, match="likely the cause"):
        submit(target)
    assert len(target.errands) == 3


def test_a_lost_request_is_refused_at_once_where_another_try_would_come_too_late():
    async def run():
        target = FakeTarget(replace(ANSWER, compute_ms=2000.0), ReplicaGone("killed"), ANSWER)
        dispatcher = Dispatcher([target], Scheduling(), Metrics(), refuse_before_s=0.05)
        await dispatcher.submit(ticket())  # now it knows how long this takes
        started = time.monotonic()
        with pytest.raises(WorkerLost, match="another one needs about 2000 ms"):
            await dispatcher.submit(ticket(deadline_in_s=1.0))
        assert time.monotonic() - started < 0.5
        assert len(target.errands) == 2

    asyncio.run(run())


def test_whatever_hangs_is_refused_before_the_deadline():
    started = time.monotonic()
    with pytest.raises(Stale, match="its deadline is 300 ms"):
        submit(FakeTarget(60.0), deadline_in_s=0.3, refuse_before_s=0.1)
    assert time.monotonic() - started < 0.3


def test_a_replica_that_lost_its_worker_is_avoided_and_is_no_suspect_for_what_only_waited():
    bounced = Outcome("r1", refusal=WorkerLost("the worker ended"), lost=True)
    target = FakeTarget(bounced, bounced, bounced, bounced, ANSWER)
    assert submit(target, deadline_in_s=5.0).answer == "an answer"
    assert target.errands[1].avoid == ("r1",)


def test_a_refusal_about_the_request_is_final():
    target = FakeTarget(Outcome("r1", refusal=Invalid("the state is missing")))
    with pytest.raises(Invalid, match="the state is missing"):
        submit(target)
    assert len(target.errands) == 1


def test_calls_go_to_the_first_deployment_that_can_and_on_where_too_much_waits():
    busy = FakeTarget(Outcome("r1", refusal=Stale("too late")), name="first")
    free = FakeTarget(ANSWER, name="second")
    other = FakeTarget(ANSWER, name="other", calls=("reason",))
    assert submit(other, busy, free, deadline_in_s=5.0).answer == "an answer"
    assert (len(busy.errands), len(free.errands), len(other.errands)) == (1, 1, 0)


def test_a_call_that_nobody_has_is_told():
    with pytest.raises(NotLoaded, match="No deployment of this server answers reason"):
        submit(FakeTarget(ANSWER), call="reason")


def test_batch_jobs_never_fill_the_queue_for_robots():
    async def run():
        target = FakeTarget(0.2)
        dispatcher = Dispatcher([target], Scheduling(max_queue=2), Metrics(), refuse_before_s=0.0)
        jobs = [asyncio.ensure_future(dispatcher.submit(ticket(priority=JOB))) for _ in range(2)]
        await asyncio.sleep(0.01)
        with pytest.raises(Overloaded):
            await dispatcher.submit(ticket(priority=JOB))
        assert (await dispatcher.submit(ticket())).answer == "an answer"
        await asyncio.gather(*jobs)
        assert dispatcher.depth == 0

    asyncio.run(run())


def test_a_followed_call_that_starts_again_elsewhere_tells_nothing_twice():
    told = []
    target = FakeTarget([{"text": "a"}, {"text": "b"}, ReplicaGone("killed")], [*({"text": t} for t in "abc"), ANSWER])
    assert submit(target, tell=told.append).answer == "an answer"
    assert told == [{"text": "a"}, {"text": "b"}, {"text": "c"}]


def test_who_leaves_is_not_computed_any_more():
    async def run():
        target = FakeTarget(60.0)
        dispatcher = Dispatcher([target], Scheduling(), Metrics(), refuse_before_s=0.0)
        waiting = asyncio.ensure_future(dispatcher.submit(ticket()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        assert dispatcher.depth == 0

    asyncio.run(run())


def test_only_prompts_that_serve_again_are_alike():
    async def run():
        first, same = ticket(), ticket()
        assert prompt_key(first) == prompt_key(same)
        same.request = replace(same.request, instruction="open the drawer")
        assert prompt_key(first) != prompt_key(same)

    asyncio.run(run())
