"""Sessions remember what was executed: prefixes by steps and by time, history, resets, and nobody else's rows."""

from dataclasses import replace

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from server_helpers import connected, droid_message, sighting
from websockets.sync.client import connect as open_socket

from cosmos_policy import ActionChunk, PolicyRequest, UsageError
from cosmos_policy.server.continuation import Continuation, past_of
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.sessions import Sessions
from cosmos_policy.wire.arrays import packb, unpackb

SMALL = (36, 64)
ROBOT = "droid_joint"


def seen_at(stamp):
    return replace(sighting(size=SMALL), stamp=stamp)


@given(
    done=st.lists(st.integers(0, 16), min_size=1, max_size=6),
    ahead=st.integers(1, 4),
    wanted=st.integers(1, 40),
    by_time=st.booleans(),
)
def test_history_is_what_was_executed_and_the_prefix_what_follows(done, ahead, wanted, by_time):
    session, truth, stamp, dt = Sessions(0, 9, 9.0).get("a", ""), [], 0.0, 1 / 15
    generator = np.random.default_rng(len(done))
    for steps in done:
        rows = generator.standard_normal((20, 3))
        stamp += 1.0
        asked = Continuation(history_steps=1) if not truth else None
        session.answered(ActionChunk(rows, rows, {}, dt, stamp, stamp + 20 * dt), executed_so_far(truth))
        steps = max(steps, 1) if by_time else steps
        named = Continuation(None if by_time else steps, ahead, history_steps=wanted)
        request = PolicyRequest(seen_at(stamp + steps * dt), "go", ROBOT)
        past = past_of(session, request, named)
        truth.extend(rows[:steps])
        np.testing.assert_array_equal(past.prefix, rows[steps : steps + ahead])
        np.testing.assert_array_equal(past.executed, executed_so_far(truth))
        if truth:
            np.testing.assert_array_equal(past.history, truth[-wanted:])
        assert asked is None or past_of(Sessions(0, 9, 9.0).get("b", ""), request, asked).history is None


def executed_so_far(truth):
    return np.reshape(truth, (-1, 3))


def test_a_time_is_rounded_up_to_rows():
    session, rows = Sessions(0, 9, 9.0).get("a", ""), np.arange(30.0).reshape(10, 3)
    session.answered(ActionChunk(rows, rows, {}, 0.1, 5.0, 6.0), None)
    for milliseconds, expected in ((0.0, None), (1.0, rows[2:3]), (300.0, rows[2:5]), (301.0, rows[2:6])):
        past = past_of(session, PolicyRequest(seen_at(5.2), "go", ROBOT), Continuation(prefix_ms=milliseconds))
        np.testing.assert_array_equal(past.prefix, expected)


@pytest.mark.parametrize(
    ("stamp", "asked", "sentence"),
    [
        (5.0, Continuation(prefix_steps=2), "captured 0 s after"),
        (4.0, Continuation(history_steps=2), "captured -1 s after"),
        (7.5, Continuation(prefix_steps=2), "ended 1.5 s before"),
        (5.2, Continuation(executed_steps=9, prefix_steps=2), "has 10 steps; 11 were named"),
    ],
)
def test_what_cannot_be_continued_is_told_why(stamp, asked, sentence):
    session, rows = Sessions(0, 9, 9.0).get("a", ""), np.zeros((10, 3))
    session.answered(ActionChunk(rows, rows, {}, 0.1, 5.0, 6.0), None)
    with pytest.raises(Invalid, match=sentence):
        past_of(session, PolicyRequest(seen_at(stamp), "go", ROBOT), asked)


def test_two_clients_go_on_from_their_own_rows_and_a_reset_forgets(scripted):
    with connected(scripted) as one, connected(scripted) as other:
        first = {
            model: model.policy(seen_at(1.0), "go", embodiment=ROBOT, seed=n) for n, model in enumerate((one, other))
        }
        again = {
            model: model.continue_policy(
                seen_at(2.0), "go", embodiment=ROBOT, executed_steps=6, prefix_steps=4, history_steps=5
            )
            for model in (other, one)
        }
        for model in (one, other):
            np.testing.assert_array_equal(again[model].unified[:4], first[model].unified[6:10])
            np.testing.assert_array_equal(again[model].info["history"], first[model].unified[1:6])
        third = one.continue_policy(seen_at(3.0), "go", embodiment=ROBOT, prefix_ms=100.0, history_steps=99)
        executed = round(1.0 / first[one].dt)
        np.testing.assert_array_equal(third.unified[:2], again[one].unified[executed : executed + 2])
        told = np.concatenate([first[one].unified[:6], again[one].unified[:executed]])
        np.testing.assert_array_equal(third.info["history"], told)
        one.reset()
        with pytest.raises(UsageError, match="no chunk to continue"):
            one.continue_policy(seen_at(4.0), "go", embodiment=ROBOT, prefix_steps=2)
        kept = other.continue_policy(seen_at(3.0), "go", embodiment=ROBOT, executed_steps=1, history_steps=2)
        np.testing.assert_array_equal(kept.info["history"], [first[other].unified[5], again[other].unified[0]])


def test_rows_of_ones_own_go_in_as_with_a_local_model(scripted):
    with connected(scripted) as model:
        prefix, history = np.full((3, 8), 0.5), np.full((2, 8), 0.25)
        chunk = model.policy(seen_at(1.0), "go", embodiment=ROBOT, prefix=prefix, history=history)
        np.testing.assert_array_equal(chunk.unified[:3], prefix)
        np.testing.assert_array_equal(chunk.info["history"], history)
        with pytest.raises(UsageError, match="prefix and prefix_steps were both given"):
            model.continue_policy(seen_at(2.0), "go", embodiment=ROBOT, executed_steps=1, prefix_steps=2, prefix=prefix)


def test_the_openpi_wire_and_rest_go_on_too_and_roboarena_resets(scripted):
    with open_socket(scripted.socket, compression=None, max_size=None, proxy=None) as socket:
        socket.recv()

        def say(**more):
            message = droid_message(size=SMALL, session_id="me", **more)
            for number in (2, 1):  # RoboArena's names
                message[f"observation/exterior_image_{number}_left"] = message["observation/exterior_image_1_left"]
            socket.send(packb(message))
            reply = socket.recv(timeout=20)
            return reply if isinstance(reply, str) else unpackb(reply)["actions"]

        first = say()
        second = say(executed_steps=3, prefix_steps=2)
        np.testing.assert_allclose(second[:2], first[3:5], atol=1e-6)
        socket.send(packb({"endpoint": "reset", "session_ids": ["me"]}))
        assert socket.recv(timeout=20) == "reset successful"
        assert "no chunk to continue" in say(executed_steps=3, prefix_steps=2)
        assert "expected one of them" in say(prefix_ms=3.0, prefix_steps=2)
    body = {"frame": np.zeros((*SMALL, 3), np.uint8), "actions": np.zeros((4, 8)), "prefix_steps": 2}
    refused = httpx.post(
        f"{scripted.http}/v1/actions/forward-dynamics",
        content=packb(body),
        headers={"Content-Type": "application/msgpack"},
        trust_env=False,
    )
    assert refused.status_code == 400
    assert "Only policy goes on" in refused.text
