"""Sessions, keys, jobs, logs: the small parts."""

import asyncio
import json
import logging
import socket

import numpy as np
import pytest

from cosmos_policy import UsageError
from cosmos_policy.server.errors import Invalid, NotFound, NotYet, Overloaded, WorkerLost
from cosmos_policy.server.jobs import Job, Jobs, Product
from cosmos_policy.server.keys import Keyring, read_keys
from cosmos_policy.server.logs import JsonLines, request_id
from cosmos_policy.server.metrics import Metrics
from cosmos_policy.server.sessions import Sessions
from cosmos_policy.server.settings import Limits
from cosmos_policy.server.worker.channel import ServerEnd, WorkerEnd
from cosmos_policy.server.worker.framing import ChannelClosed, SharedMemory, make_shared_memory


def draw(session, count=3):
    return [session.next_seed() for _ in range(count)]


def test_a_session_draws_the_same_whoever_else_is_there():
    alone = Sessions(7, 10, 100.0)
    expected = draw(alone.get("me", "robot"))
    among = Sessions(7, 10, 100.0)
    seen = []
    for _ in range(3):
        among.get("you", "other").next_seed()
        seen.append(among.get("me", "robot").next_seed())
    assert seen == expected
    assert draw(among.get("me", "second")) != expected
    assert draw(Sessions(8, 10, 100.0).get("me", "robot")) != expected


def test_owners_do_not_share_a_session_of_the_same_name():
    sessions = Sessions(0, 10, 100.0)
    sessions.get("a", "robot").instruction = "mine"
    assert sessions.get("b", "robot").instruction is None


def test_a_reset_forgets_and_draws_anew_but_repeatably():
    def play():
        sessions = Sessions(0, 10, 100.0)
        first = draw(sessions.get("a", ""))
        sessions.get("a", "").instruction = "old"
        sessions.reset("a", "")
        return first, draw(sessions.get("a", "")), sessions.get("a", "").instruction

    (first, second, instruction), again = play(), play()
    assert first != second
    assert instruction is None
    assert again == (first, second, instruction)


def test_sessions_are_bounded_and_expire():
    now = [0.0]
    sessions = Sessions(0, 3, 10.0, clock=lambda: now[0])
    for name in "abcd":
        sessions.get("o", name).instruction = name
    assert len(sessions) == 3
    assert sessions.get("o", "a").instruction is None
    now[0] = 11.0
    assert sessions.get("o", "d").instruction is None
    sessions.close("o")
    assert len(sessions) == 0


def test_keys_come_from_a_file_and_are_told_apart(tmp_path):
    file = tmp_path / "keys"
    file.write_text("# robots\nlab:0123456789abcdef\n\nfedcba9876543210 # anonymous\n")
    ring = Keyring(read_keys(file))
    assert ring.owner("Bearer 0123456789abcdef") == "lab"
    assert ring.owner("Api-Key fedcba9876543210") == "key-4"
    for wrong in (None, "", "Bearer", "Bearer 0123456789abcdee", "Basic 0123456789abcdef", "Bearer \udcff"):
        assert ring.owner(wrong) is None
    assert Keyring({}).owner(None) == "everybody"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("short", "no usable API key"),
        ("# nothing\n", "holds no key"),
        ("a:0123456789abcdef\na:0123456789abcdeg", "second time"),
        ("with a blank 0123456789", "no usable API key"),
    ],
)
def test_a_bad_key_file_is_refused(tmp_path, text, sentence):
    file = tmp_path / "keys"
    file.write_text(text)
    with pytest.raises(UsageError, match=sentence):
        read_keys(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_keys(tmp_path / "none")


def with_jobs(scenario, **limits):
    async def main():
        now = [1000.0]
        jobs = Jobs(Limits(**limits), Metrics(), clock=lambda: now[0])
        try:
            await scenario(jobs, now)
        finally:
            await jobs.close()

    asyncio.run(asyncio.wait_for(main(), 20))


async def made(video=b"mp4"):
    return Product(video, {"model": []})


def test_a_job_runs_is_seen_by_its_owner_and_expires():
    async def scenario(jobs, now):
        job = jobs.start(Job("me", {}), made)
        with pytest.raises(NotYet, match="queued"):
            jobs.content(job.identity, "me")
        await job.task
        assert jobs.content(job.identity, "me") == b"mp4"
        assert jobs.of("me") == [job]
        assert jobs.of("you") == []
        with pytest.raises(NotFound):
            jobs.get(job.identity, "you")
        now[0] += 101.0
        with pytest.raises(NotFound, match="expire"):
            jobs.get(job.identity, "me")

    with_jobs(scenario, job_expiry_s=100.0)


def test_a_job_survives_its_worker_but_not_for_ever(monkeypatch):
    monkeypatch.setattr("cosmos_policy.server.jobs.PAUSE_S", 0.0)

    async def scenario(jobs, now):
        ends = [WorkerLost("gone"), None]

        async def unlucky_once():
            if (end := ends.pop(0)) is not None:
                raise end
            return await made()

        async def cursed():
            raise WorkerLost("gone again")

        first, second = jobs.start(Job("me", {}), unlucky_once), jobs.start(Job("me", {}), cursed)
        await asyncio.gather(first.task, second.task)
        assert (first.status, second.status) == ("completed", "failed")
        with pytest.raises(NotYet, match="gone again"):
            jobs.content(second.identity, "me")

    with_jobs(scenario)


def test_a_refused_job_tells_why_and_too_many_are_refused():
    async def scenario(jobs, now):
        async def wrong():
            raise Invalid("the size is wrong")

        job = jobs.start(Job("me", {}), wrong)
        with pytest.raises(Overloaded):
            jobs.start(Job("me", {}), made)
        await job.task
        assert job.status == "failed"
        assert "size is wrong" in str(job.error)
        deleted = jobs.start(Job("me", {}), made)
        jobs.delete(deleted.identity, "me")
        with pytest.raises(NotFound):
            jobs.get(deleted.identity, "me")

    with_jobs(scenario, jobs=1)


def test_finished_videos_are_bounded_in_bytes():
    async def scenario(jobs, now):
        started = [jobs.start(Job("me", {}), lambda: made(bytes(60))) for _ in range(3)]
        await asyncio.gather(*(job.task for job in started))
        assert len(jobs.of("me")) == 1

    with_jobs(scenario, job_bytes=100)


def test_log_lines_are_json_with_the_request_id():
    record = logging.makeLogRecord({"name": "n", "levelname": "INFO", "msg": "said %s", "args": ("it",), "ms": 3})
    token = request_id.set("abc")
    try:
        entry = json.loads(JsonLines().format(record))
    finally:
        request_id.reset(token)
    assert (entry["message"], entry["request_id"], entry["ms"]) == ("said it", "abc", 3)


@pytest.mark.parametrize("shared", [False, True])
def test_the_channel_carries_arrays_whole_both_ways(shared):
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    descriptor = make_shared_memory()
    memories = [SharedMemory(descriptor) for _ in range(2)] if shared else [None, None]
    generator = np.random.default_rng(0)
    sizes = (3, 5001, 100_000, 300_000, ServerEnd.LARGE_BYTES)
    arrays = [generator.integers(0, 255, size, dtype=np.uint8) for size in sizes]
    message = {"small": 1, "arrays": [*arrays, generator.standard_normal((700, 3)), np.zeros((0, 3))]}
    far = WorkerEnd(theirs, memories[1])

    async def there_and_back():
        near = ServerEnd(ours, memories[0])
        echo = asyncio.create_task(asyncio.to_thread(lambda: far.send(far.receive())))
        await near.send(message)
        back = await near.receive()
        await echo
        near.close()
        return back

    back = asyncio.run(there_and_back())
    assert back["small"] == 1
    for expected, found in zip(message["arrays"], back["arrays"], strict=True):
        assert found.dtype == expected.dtype
        np.testing.assert_array_equal(found, expected)
    with pytest.raises(ChannelClosed):
        far.receive()


def test_both_sides_see_what_is_taken_and_what_is_cancelled():
    descriptor = make_shared_memory()
    ours, theirs = SharedMemory(descriptor), SharedMemory(descriptor)
    assert not ours.taken(1)
    assert not theirs.cancelled(1)
    theirs.take(1)
    ours.cancel(1)
    assert ours.taken(1)
    assert theirs.cancelled(1)
    assert not theirs.cancelled(2) and not theirs.cancelled(1, 5)
    ours.cancel(1, 5)
    assert theirs.cancelled(1) and theirs.cancelled(1, 5) and not theirs.cancelled(1, 4)
    ours.cancel(2, 63)
    assert theirs.cancelled(2, 63) and not theirs.cancelled(2) and not theirs.cancelled(1)
