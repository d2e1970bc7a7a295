"""Hostile messages: no crash, no 500, no leak. Some hundreds here; ten thousand in benchmarks/server_hostile.py."""

import os
import struct

import httpx
import msgpack
import numpy as np
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis.checks import not_a_server_error
from server_helpers import connected, droid_message, scripted_server, sighting
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect as open_socket

from cosmos_policy.wire.arrays import packb, unpackb

SMALL = (36, 64)
HURRIED = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
JSONS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.binary(max_size=40),
    lambda parts: st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=12), parts, max_size=4),
    max_leaves=12,
)
KEYS = st.sampled_from(
    [*droid_message(size=SMALL), "endpoint", "session_id", "session_ids", "observation/image", "seed"]
)


@pytest.fixture(scope="module")
def target():
    """A server of this module's own, so that what it survives is counted from its start to its end."""
    with scripted_server(limits={"message_bytes": 2**20, "upload_bytes": 2**20}) as server:
        yield server
        assert server.process.poll() is None
        assert not [entry for entry in server.log if "exception" in entry], "a hostile message reached the log's net"
        with connected(server) as model:
            assert model.policy(sighting(size=SMALL), "still here", embodiment="droid_joint") is not None
        assert "worker_restarts_total 0.0" in httpx.get(f"{server.http}/metrics", trust_env=False).text


@pytest.fixture
def talk(target):
    """Sends one frame on a socket and returns the reply; opens another socket where the server closed it."""
    opened = {}

    def say(path, frame):
        if path not in opened:
            opened[path] = open_socket(target.socket + path, compression=None, max_size=None, proxy=None).__enter__()
            opened[path].recv()
        try:
            opened[path].send(frame)
            return opened[path].recv(timeout=20)
        except ConnectionClosed:
            opened.pop(path)
            return "closed"

    yield say
    for socket in opened.values():
        socket.close()


def harmless(reply):
    """A refusal in a sentence, with nothing of the inside in it."""
    text = reply if isinstance(reply, str) else str(unpackb(reply))
    assert "Traceback" not in text
    assert "/site-packages/" not in text
    assert os.getcwd() not in text
    return text


@given(frame=st.binary(max_size=200) | st.text(max_size=50))
@HURRIED
def test_random_frames(talk, frame):
    for path in ("/", "/v1/actions/socket"):
        harmless(talk(path, frame))


@given(changes=st.dictionaries(KEYS, JSONS, max_size=3), dropped=st.sets(KEYS, max_size=2))
@HURRIED
def test_observations_with_wrong_values(talk, changes, dropped):
    message = {key: value for key, value in {**droid_message(size=SMALL), **changes}.items() if key not in dropped}
    harmless(talk("/", msgpack.packb(message, default=pack)))


@given(
    shape=st.lists(st.integers(-3, 2**40), max_size=8),
    dtype=st.sampled_from(["<f4", "|u1", "|O", "|V8", "<c8", "f4,f4", "<U9", "<M8[s]", "|S4", ">f8", "", "x" * 99]),
    data=st.binary(max_size=64),
)
@HURRIED
def test_arrays_that_lie(talk, shape, dtype, data):
    array = {b"__ndarray__": True, b"data": data, b"dtype": dtype, b"shape": shape}
    message = {**droid_message(size=SMALL), "observation/joint_position": array}
    text = harmless(talk("/", msgpack.packb(message, default=pack)))
    assert text


@given(message=st.dictionaries(st.text(max_size=12) | st.sampled_from(["call", "requests", "id", "reset"]), JSONS))
@HURRIED
def test_native_messages_of_any_shape(talk, message):
    harmless(talk("/v1/actions/socket", framed(message)))


@given(
    changes=st.dictionaries(st.sampled_from(["messages", "prompt", "seed", "transfer", "sampling", "image"]), JSONS),
    call=st.sampled_from(["reason", "generate"]),
)
@HURRIED
def test_questions_and_generations_with_wrong_values(talk, changes, call):
    request = {"messages": [{"role": "user", "content": "hello"}]} if call == "reason" else {"prompt": "a hall"}
    message = {"call": call, "requests": [{**request, **changes}], "follow": True}
    while "event" in (reply := unpackb(talk("/v1/actions/socket", framed(message)))):
        continue
    harmless(str(reply))


@given(
    key=st.sampled_from(["executed_steps", "prefix_steps", "prefix_ms", "history_steps"]),
    value=JSONS,
    stamp=st.floats(allow_nan=False),
)
@HURRIED
def test_continuations_of_any_kind(talk, key, value, stamp):
    message = {**droid_message(size=SMALL), key: value, "stamp": stamp}
    harmless(talk("/", msgpack.packb(message, default=pack)))


@given(body=JSONS, call=st.sampled_from(["policy", "inverse-dynamics", "forward-dynamics", "reason", "generate"]))
@HURRIED
def test_rest_bodies_of_any_shape(target, body, call):
    content = msgpack.packb(body, default=str)
    headers = {"Content-Type": "application/msgpack"}
    answer = httpx.post(f"{target.http}/v1/actions/{call}", content=content, headers=headers, trust_env=False)
    assert answer.status_code in (200, 400)
    harmless(answer.text)


def framed(message):
    """As our own client packs it, but for what it would refuse to send."""
    body = msgpack.packb(message, default=str)
    return struct.pack("<I", len(body)) + body


def pack(value):
    if isinstance(value, np.ndarray):
        return unpackb_map(value)
    return str(value)


def unpackb_map(array):
    return {b"__ndarray__": True, b"data": array.tobytes(), b"dtype": array.dtype.str, b"shape": array.shape}


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"[" * 100_000, "application/json", 400),
        (b'{"a": ' * 50_000, "application/json", 400),
        (b'{"seed": 1' + b"0" * 6000 + b"}", "application/json", 400),
        (b'{"observation": NaN}', "application/json", 400),
        (b'{"a": "\xff"}', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"null", "application/json", 400),
        (b"{}", "text/html", 415),
        (b"--x", "multipart/form-data", 415),
        (bytes(2**20 + 1), "application/json", 413),
        (b"", "application/msgpack", 400),
    ],
)  # fmt: skip
def test_bodies_that_cannot_be_read(target, content, kind, status):
    answer = httpx.post(
        f"{target.http}/v1/actions/policy", content=content, headers={"Content-Type": kind}, trust_env=False
    )
    assert answer.status_code == status
    harmless(answer.text)


def test_a_form_that_is_cut_off_or_too_large(target):
    for content, kind in (
        (b"--x\r\nContent-Disposition: form-data; name=prompt\r\n\r\nhi", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data; boundary=x"),
        (b"garbage", "multipart/form-data"),
        (b"a=1&b=%ff", "application/x-www-form-urlencoded"),
        (b"--x\r\n" * 2000, "multipart/form-data; boundary=x"),
    ):
        answer = httpx.post(
            f"{target.http}/v1/videos", content=content, headers={"Content-Type": kind}, trust_env=False
        )
        assert answer.status_code in (400, 501)  # 501: a form that can be read, without an action mode
        harmless(answer.text)
    large = httpx.post(
        f"{target.http}/v1/videos", files={"input_reference": bytes(2**20 + 1)}, data={"prompt": "x"}, trust_env=False
    )
    assert large.status_code == 413


def test_a_message_that_is_too_large_ends_its_connection_only(target):
    with open_socket(target.socket, compression=None, max_size=None, proxy=None) as socket:
        socket.recv()
        with pytest.raises(ConnectionClosed):
            overfill(socket)
    assert httpx.get(f"{target.http}/healthz", trust_env=False).status_code == 200


def overfill(socket):
    socket.send(packb({"prompt": "x", "observation/image": np.zeros(2**20 + 10, np.uint8)}))
    while True:
        socket.recv(timeout=10)


def test_the_openapi_schema_is_kept(target):
    """schemathesis: cases from our own schema, right and wrong; none may make the server fail."""
    schema = schemathesis.openapi.from_url(f"{target.http}/openapi.json")
    for result in schema.get_all_operations():
        operation = result.ok()
        if operation.path == "/metrics":
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), database=None)
        def fuzz(case):
            response = case.call()
            # 501 to 504 say what is not there; a crash is a 500, and there must be none.
            if response.status_code < 501:
                case.validate_response(response, checks=[not_a_server_error])

        fuzz()
