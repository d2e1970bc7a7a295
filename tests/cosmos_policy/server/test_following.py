"""Calls that tell of their progress: streamed, stopped, alone in their batch, and told over every wire of ours."""

import base64
import io
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
from PIL import Image
from server_helpers import connected, scripted_server, sighting
from websockets.sync.client import connect as open_socket

from cosmos_policy import UsageError
from cosmos_policy.client import ServerRefusal, ServerUnreachable
from cosmos_policy.types import GenerateRequest, ReasonRequest, Reply, ReplyDelta, Sampling
from cosmos_policy.wire.arrays import packb, unpackb
from cosmos_policy.wire.framed import pack_framed

SMALL = (36, 64)
MSGPACK = {"Content-Type": "application/msgpack"}


def said(text, **more):
    return [{"role": "user", "content": text}], more


def post(server, path, body, **options):
    return httpx.post(f"{server.http}/v1/actions/{path}", json=body, trust_env=False, timeout=30, **options)


def policy(model, instruction, **more):
    return model.policy(sighting(size=SMALL), instruction, embodiment="droid_joint", **more)


def test_a_reply_comes_whole_or_word_by_word(scripted):
    with connected(scripted) as model:
        reply = model.reason([{"role": "user", "content": "lift the cube"}], seed=5)
        assert (reply.text, reply.info["seed"]) == ("lift the cube ", 5)
        assert reply.info["serving"]["checkpoint"] == "scripted"
        *deltas, last = model.stream_reason([{"role": "user", "content": "one two three"}])
        assert [delta.text for delta in deltas] == ["one ", "two ", "three "]
        assert all(isinstance(delta, ReplyDelta) for delta in deltas)
        assert isinstance(last, Reply)
        both = model.reason([ReasonRequest([{"role": "user", "content": text}]) for text in ("a", "b c")])
        assert [each.text for each in both] == ["a ", "b c "]
        assert policy(model, "afterwards") is not None


def test_words_arrive_while_the_rest_is_computed(scripted):
    with connected(scripted) as model:
        started = time.monotonic()
        stream = model.stream_reason([{"role": "user", "content": "wait 0.3 x x x x x"}])
        assert next(stream).text == "wait "
        first = time.monotonic() - started
        list(stream)
        assert first < time.monotonic() - started - 1.0


def test_a_generation_tells_its_steps(scripted):
    with connected(scripted) as model:
        told = []
        media = model.generate(
            "a hall", num_frames=5, sound=True, seed=3, sampling=Sampling(3), on_step=lambda *step: told.append(step)
        )
        assert told == [(1, 3), (2, 3), (3, 3)]
        assert media.frames.shape == (5, 16, 32, 3)
        assert media.sound.shape == (2, 10_000)
        again = model.generate([GenerateRequest("a hall", num_frames=5, seed=seed) for seed in (3, 4)])
        np.testing.assert_array_equal(again[0].frames, media.frames)
        assert (again[1].frames != media.frames).any()


def test_who_leaves_stops_the_model_and_the_next_is_served_at_once(scripted):
    with connected(scripted) as long, connected(scripted) as robot:
        stream = long.stream_reason([{"role": "user", "content": "wait 0.2 " + "x " * 100}])
        next(stream)
        stream.close()
        started = time.monotonic()
        policy(robot, "next please")
        assert time.monotonic() - started < 5.0  # all hundred words would have taken twenty seconds
        assert long.reason([{"role": "user", "content": "still there"}]).text == "still there "

        def stop(done, steps):
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            long.generate("wait 0.2", sampling=Sampling(100), on_step=stop)
        policy(robot, "and again")
        assert time.monotonic() - started < 10.0


def test_a_browser_that_leaves_stops_the_model_too(scripted):
    with connected(scripted) as robot:
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{scripted.http}/v1/actions/reason",
                json={"messages": [{"role": "user", "content": "wait 0.2 " + "x " * 100}]},
                trust_env=False,
                timeout=0.5,
            )
        started = time.monotonic()
        policy(robot, "next please")
        assert time.monotonic() - started < 5.0


def test_robots_wait_in_front_of_questions_and_questions_are_never_batched(scripted):
    with connected(scripted) as one, connected(scripted) as two, connected(scripted) as robot:
        order = []

        def ask(model, text):
            model.reason([{"role": "user", "content": text}])
            order.append(text)

        with ThreadPoolExecutor(3) as pool:
            running = [pool.submit(ask, one, "sleep 3")]
            time.sleep(0.2)
            running.append(pool.submit(ask, two, "sleep 0.1 second"))
            time.sleep(0.1)
            running.append(pool.submit(lambda: order.append(policy(robot, "robot").info["serving"]["batch_size"])))
            for each in running:
                each.result()
        assert order == [1, "sleep 3", "sleep 0.1 second"]


def test_a_robot_does_not_wait_for_the_end_of_an_answer(scripted):
    """It is served between two words; the answer goes on afterwards, whole."""
    words = "wait 0.2 " + "x " * 20
    with connected(scripted) as person, connected(scripted) as robot, ThreadPoolExecutor(1) as thread:
        stream = person.stream_reason([{"role": "user", "content": words}])
        assert next(stream).text == "wait "
        ended = thread.submit(lambda: ([said.text for said in stream], time.monotonic()))
        answered = []
        for _ in range(3):
            assert policy(robot, "lift the cube").info["serving"]["batch_size"] == 1
            answered.append(time.monotonic())
        texts, end = ended.result()
        assert max(answered) < end - 1.0, "the robot was served while words were still to come"
        assert "".join(texts[:-1]) == words.removeprefix("wait ") and texts[-1] == words


def test_a_robot_that_is_served_in_between_may_fail_or_leave_without_harm(scripted):
    with connected(scripted) as person, connected(scripted) as robot:
        stream = person.stream_reason([{"role": "user", "content": "wait 0.1 " + "x " * 12}])
        assert next(stream).text == "wait "
        with pytest.raises(ServerRefusal, match="The model failed on this request"):
            policy(robot, "break")
        assert list(stream)[-1].text.endswith("x ")
        assert policy(robot, "lift the cube") is not None


def test_a_worker_that_dies_in_between_loses_both_and_no_more(scripted_with):
    with scripted_with() as server, connected(server) as person, connected(server) as robot:
        stream = person.stream_reason([{"role": "user", "content": "wait 0.2 " + "x " * 20}])
        assert next(stream).text == "wait "
        with pytest.raises(ServerRefusal, match="ended before it answered"):
            policy(robot, "exit")
        with pytest.raises(ServerRefusal, match="ended before it answered"):
            list(stream)
        assert policy(robot, "lift the cube") is not None


def test_a_default_deadline_is_for_robots_alone():
    with scripted_server(scheduling={"deadline_ms": 400.0}) as server, connected(server) as model:
        assert model.reason([{"role": "user", "content": "wait 0.2 x x x x"}]).text.startswith("wait")
        assert model.reason([{"role": "user", "content": "wait 0.2 x x x x"}]).text.startswith("wait")
        policy(model, "sleep 0.6")
        with pytest.raises(ServerRefusal, match="Send a newer one"):
            policy(model, "sleep 0.6")


def test_rest_reasons_and_generates(scripted):
    picture = base64.b64encode(png(6, 4)).decode()
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}}
    asked = {"role": "user", "content": [part]}
    reply = post(scripted, "reason", {"messages": [asked], "seed": 1})
    assert reply.status_code == 200
    assert reply.json()["text"] == "image of (4, 6, 3) "
    media = post(scripted, "generate", {"prompt": "a hall", "num_frames": 5, "seed": 2, "sound": True})
    assert media.json()["frames"]["media_type"] == "video/mp4"
    one = post(scripted, "generate", {"prompt": "a hall", "num_frames": 1, "image": picture}).json()
    assert one["frames"]["media_type"] == "image/png"
    exact = httpx.post(
        f"{scripted.http}/v1/actions/generate",
        content=packb({"prompt": "a hall", "num_frames": 5, "seed": 2}),
        headers=MSGPACK,
        trust_env=False,
    )
    with connected(scripted) as model:
        np.testing.assert_array_equal(
            unpackb(exact.content)["frames"], model.generate("a hall", num_frames=5, seed=2).frames
        )


def test_files_travel_from_the_client_and_the_server_reads_none(scripted, tmp_path):
    file = tmp_path / "tap.png"
    file.write_bytes(png(8, 2))
    for source in (file, str(file), file.as_uri(), Image.open(file)):
        with connected(scripted) as model:
            reply = model.reason([{"role": "user", "content": [{"type": "image", "image": source}]}])
            assert reply.text == "image of (2, 8, 3) "
    with connected(scripted) as model, pytest.raises(UsageError, match=r"there is no file .*missing"):
        model.reason([{"role": "user", "content": [{"type": "image", "image": tmp_path / "missing.png"}]}])
    for source in ("/etc/passwd", "file:///etc/passwd", "http://127.0.0.1:1/x.png"):
        body = {"messages": [{"role": "user", "content": [{"type": "image", "image": source}]}]}
        refused = post(scripted, "reason", body)
        assert refused.status_code in (400, 403)
        native = native_refusal(scripted, body)
        assert native["status"] in (400, 403)


def native_refusal(server, body):
    with open_socket(f"{server.socket}/v1/actions/socket", compression=None, max_size=None, proxy=None) as socket:
        socket.recv()
        socket.send(pack_framed({"id": 1, "call": "reason", "requests": [body]}))
        return unpackb(socket.recv(timeout=20))["answers"][0]["error"]


def test_faults_on_the_way_are_told(scripted):
    with connected(scripted) as model:
        with pytest.raises(UsageError, match="refuses"):
            model.reason([{"role": "user", "content": "refuse"}])
        with pytest.raises(ServerRefusal, match="log says why"):
            list(model.stream_reason([{"role": "user", "content": "break"}]))
        with pytest.raises(UsageError, match="role"):
            model.reason([{"role": "user"}])
        with pytest.raises(UsageError, match="nested too deeply"):
            model.reason([{"role": "user", "content": [[[[[["deep"]]]]]]}])


def test_a_worker_that_dies_on_the_way_is_told():
    with scripted_server() as server, connected(server) as model:
        with pytest.raises((ServerRefusal, ServerUnreachable), match="ended before it answered"):
            list(model.stream_reason([{"role": "user", "content": "exit"}]))
        assert model.reason([{"role": "user", "content": "anew"}]).text == "anew "


def png(width, height):
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((height, width, 3), np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()
