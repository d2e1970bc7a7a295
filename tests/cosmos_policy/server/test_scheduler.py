"""The queue by itself, with a worker that does as it is told."""

import asyncio

import pytest

from cosmos_policy.server.errors import NotReady, Overloaded, Stale, Superseded, WorkerLost
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.scheduling import Scheduler, Ticket
from cosmos_policy.server.scheduling.service_times import ServiceTimes
from cosmos_policy.server.scheduling.ticket import JOB, ROBOT
from cosmos_policy.server.settings import Scheduling


class ToldWorker:
    """Answers each request by itself; takes `seconds`; `ready` opens and closes it."""

    def __init__(self, seconds=0.0):
        self.seconds, self.batches, self.failure = seconds, [], None
        self.ready = asyncio.Event()
        self.ready.set()

    async def wait_ready(self):
        await self.ready.wait()

    def follows_together(self, call):
        return call == "together"

    async def compute(self, call, requests, tell, between):
        self.batches.append(list(requests))
        await asyncio.sleep(self.seconds)
        if self.failure is not None:
            raise self.failure
        return list(requests)


def run(scenario, *, seconds=0.0, **settings):
    """Run `scenario(scheduler, worker, ticket)` in a loop of its own."""

    async def main():
        worker = ToldWorker(seconds)
        scheduler = Scheduler(worker, Scheduling(**settings), Metrics())
        serving = asyncio.create_task(scheduler.run())
        loop = asyncio.get_running_loop()

        def ticket(request, session="a", group=None, shape="s", budget=None, age=0.0, priority=ROBOT, **more):
            now = loop.time()
            return Ticket(
                "policy", request, shape, session, group if group is not None else request, now, now - age,
                None if budget is None else now - age + budget, priority, **more,
            )  # fmt: skip

        try:
            await scenario(scheduler, worker, ticket)
        finally:
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    asyncio.run(asyncio.wait_for(main(), 20))


async def settle():
    for _ in range(5):
        await asyncio.sleep(0)


def test_requests_that_wait_together_are_computed_together_and_answered_apart():
    async def scenario(scheduler, worker, ticket):
        worker.ready.clear()
        waiting = [asyncio.create_task(scheduler.submit(ticket(n, session=n))) for n in range(5)]
        other = asyncio.create_task(scheduler.submit(ticket(9, session=9, shape="other")))
        await settle()
        worker.ready.set()
        assert [(await each).answer for each in waiting] == [0, 1, 2, 3, 4]
        assert (await other).answer == 9
        assert worker.batches == [[0, 1, 2], [3, 4], [9]]

    run(scenario, max_batch=3)


def test_the_newest_observation_of_a_session_takes_the_place_of_a_waiting_one():
    async def scenario(scheduler, worker, ticket):
        worker.ready.clear()
        old, other = (asyncio.create_task(scheduler.submit(ticket(n, session=s))) for n, s in ((1, "a"), (2, "b")))
        await settle()
        new = asyncio.create_task(scheduler.submit(ticket(3, session="a")))
        await settle()
        worker.ready.set()
        with pytest.raises(Superseded):
            await old
        assert ((await new).answer, (await other).answer) == (3, 2)

    run(scenario)


def test_requests_of_one_message_do_not_replace_each_other():
    async def scenario(scheduler, worker, ticket):
        worker.ready.clear()
        waiting = [asyncio.create_task(scheduler.submit(ticket(n, group="one message"))) for n in range(3)]
        await settle()
        worker.ready.set()
        assert [(await each).answer for each in waiting] == [0, 1, 2]

    run(scenario)


def test_what_is_too_old_is_refused_and_not_computed():
    async def scenario(scheduler, worker, ticket):
        with pytest.raises(Stale, match="200 ms old"):
            await scheduler.submit(ticket(1, budget=0.1, age=0.2))
        worker.ready.clear()
        waiting = asyncio.create_task(scheduler.submit(ticket(2, budget=0.05)))
        await asyncio.sleep(0.1)
        worker.ready.set()
        with pytest.raises(Stale):
            await waiting
        assert worker.batches == []

    run(scenario)


def test_what_cannot_be_ready_in_time_is_refused_once_that_is_known():
    async def scenario(scheduler, worker, ticket):
        await scheduler.submit(ticket(1))
        with pytest.raises(Stale, match="computing takes about"):
            await scheduler.submit(ticket(2, budget=0.05))
        assert worker.batches == [[1]]

    run(scenario, seconds=0.2)


def test_a_batch_grows_only_as_far_as_every_deadline_allows():
    async def scenario(scheduler, worker, ticket):
        await scheduler.submit(ticket(0))  # one takes 0.1 s, so two are expected to take 0.2 s
        worker.ready.clear()
        urgent = asyncio.create_task(scheduler.submit(ticket(1, session="u", budget=0.15)))
        patient = asyncio.create_task(scheduler.submit(ticket(2, session="p", budget=5.0)))
        await settle()
        worker.ready.set()
        await asyncio.gather(urgent, patient)
        assert worker.batches[1:] == [[1], [2]]

    run(scenario, seconds=0.1)


def test_a_full_queue_says_when_to_come_again():
    async def scenario(scheduler, worker, ticket):
        worker.ready.clear()
        waiting = [asyncio.create_task(scheduler.submit(ticket(n, session=n))) for n in range(2)]
        await settle()
        with pytest.raises(Overloaded) as caught:
            await scheduler.submit(ticket(3, session=3))
        assert caught.value.retry_after_s >= 1
        worker.ready.set()
        await asyncio.gather(*waiting)

    run(scenario, max_queue=2)


def test_a_lost_worker_fails_only_what_it_held():
    async def scenario(scheduler, worker, ticket):
        worker.failure = WorkerLost("gone")
        held = asyncio.create_task(scheduler.submit(ticket(1, session=1)))
        await asyncio.sleep(0.02)
        later = asyncio.create_task(scheduler.submit(ticket(2, session=2)))
        worker.ready.clear()
        with pytest.raises(WorkerLost):
            await held
        worker.failure = None
        worker.ready.set()
        assert (await later).answer == 2

    run(scenario, seconds=0.05)


def test_a_waiting_request_whose_client_has_gone_is_not_computed():
    async def scenario(scheduler, worker, ticket):
        worker.ready.clear()
        gone = asyncio.create_task(scheduler.submit(ticket(1, session=1)))
        stays = asyncio.create_task(scheduler.submit(ticket(2, session=2)))
        await settle()
        gone.cancel()
        await settle()
        worker.ready.set()
        await stays
        assert worker.batches == [[2]]

    run(scenario)


def test_robots_come_before_jobs():
    async def scenario(scheduler, worker, ticket):
        worker.ready.clear()
        job = asyncio.create_task(scheduler.submit(ticket(1, session=1, shape="job", priority=JOB)))
        robot = asyncio.create_task(scheduler.submit(ticket(2, session=2)))
        await settle()
        worker.ready.set()
        await asyncio.gather(job, robot)
        assert worker.batches == [[2], [1]]

    run(scenario)


def test_draining_finishes_what_runs_and_refuses_what_waits():
    async def scenario(scheduler, worker, ticket):
        running = asyncio.create_task(scheduler.submit(ticket(1, session=1)))
        await asyncio.sleep(0.05)
        waiting = asyncio.create_task(scheduler.submit(ticket(2, session=2)))
        await settle()
        await scheduler.drain()
        assert (await running).answer == 1
        with pytest.raises(NotReady, match="shutting down"):
            await waiting
        with pytest.raises(NotReady):
            await scheduler.submit(ticket(3))

    run(scenario, seconds=0.2)


def test_service_times_are_learnt_and_scaled():
    times = ServiceTimes()
    assert times.expect("policy", 1) is None
    times.note("policy", 1, 0.1)
    assert times.expect("policy", 1) == 0.1
    assert times.expect("policy", 4) == pytest.approx(0.4)
    times.note("policy", 4, 0.2)
    assert times.expect("policy", 4) == 0.2
    assert times.expect("other", 1) is None
    for number in range(1000):
        times.note(number, 1, 1.0)
    assert len(times._seconds) <= 256


def test_calls_that_are_followed_are_computed_together_where_the_model_can():
    heard, cancelled = [], []

    class Following(ToldWorker):
        def cancel(self, part=0):
            cancelled.append(part)

        async def compute(self, call, requests, tell, between):
            self.batches.append((call, list(requests)))
            tell(0, {"step": 1})
            if len(requests) > 1:
                tell(1, "early")
            await asyncio.sleep(0.05)
            return list(requests)

    async def main():
        worker = Following()
        scheduler = Scheduler(worker, Scheduling(max_batch=3), Metrics())
        now = asyncio.get_running_loop().time()

        def ticket(call, request):
            return Ticket(call, request, (), request, request, now, now, priority=JOB, tell=heard.append)

        asked = [ticket("together", name) for name in "abcd"] + [ticket("apart", name) for name in "ef"]
        waiting = [asyncio.create_task(scheduler.submit(each)) for each in asked]
        await settle()
        serving = asyncio.create_task(scheduler.run())
        try:
            early = await waiting[1]
            assert (early.answer, early.batch_size) == ("early", 3)
            assert not waiting[0].done()  # the others are still being computed
            waiting[2].cancel()
            assert (await waiting[0]).answer == "a"
            assert cancelled == [2]
            for each in waiting[3:]:
                await each
        finally:
            serving.cancel()
            await asyncio.gather(serving, *waiting, return_exceptions=True)
        return worker

    worker = asyncio.run(main())
    assert worker.batches == [
        ("together", ["a", "b", "c"]), ("together", ["d"]), ("apart", ["e"]), ("apart", ["f"]),
    ]  # fmt: skip
    assert heard[0] == {"step": 1}
