"""Ten thousand hostile messages at one server: no crash, no 500, no leak of the inside, no growth.

    python benchmarks/server_hostile.py [--messages 10000] [--json]

The messages are those of the openpi wire and of our own with values, arrays and bytes that hypothesis makes up, and
HTTP bodies of any shape. Most of them never reach the model; it must still answer at the end.
"""

from __future__ import annotations

import argparse
import collections
import json
import struct
import time
from pathlib import Path

import httpx
import msgpack
import numpy as np
import psutil
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

import cosmos_policy
import embodiments
from cosmos_policy import Observation
from cosmos_policy.server.background import BackgroundServer
from cosmos_policy.wire.arrays import unpackb

ROBOT = "droid_joint"
INSIDE = ("Traceback", "site-packages", str(Path(cosmos_policy.__file__).parents[1]))
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats()
    | st.text(max_size=30)
    | st.binary(max_size=80),
    lambda parts: (
        st.lists(parts, max_size=5) | st.dictionaries(st.text(max_size=12) | st.binary(max_size=4), parts, max_size=5)
    ),
    max_leaves=20,
)
LYING_ARRAYS = st.fixed_dictionaries(
    {
        b"__ndarray__": st.just(True),
        b"data": st.binary(max_size=200),
        b"dtype": st.sampled_from(["<f4", "|u1", "|O", "|V8", "<c8", "f4,f4", "<U9", "<M8[s]", ">f8", "", "y" * 500]),
        b"shape": st.lists(st.integers(-5, 2**62), max_size=9),
    }
)


class Attack:
    """Sends, and counts what comes back."""

    def __init__(self, server: BackgroundServer):
        self.server, self.count = server, 0
        self.outcomes: collections.Counter[str] = collections.Counter()
        self.leaks: list[str] = []
        self._sockets = {}
        self._client = httpx.Client(trust_env=False, timeout=30)
        robot = embodiments.get(ROBOT)
        state = robot.example_observation(seed=0)["state"]
        picture = np.zeros((16, 32, 3), np.uint8)
        cameras = ("wrist_image_left", "exterior_image_1_left", "exterior_image_2_left")
        self.observation = {f"observation/{name}": _plain(picture) for name in cameras}
        self.observation |= {f"observation/{name}": _plain(value) for name, value in state.items()}
        self.observation["prompt"] = "x"
        self.keys = [*self.observation, "endpoint", "session_id", "session_ids", "observation/image", "seed", "age_ms"]

    def frame(self, path: str, frame: bytes | str) -> None:
        """One WebSocket message."""
        self.count += 1
        try:
            if path not in self._sockets:
                context = connect(self.server.socket + path, compression=None, max_size=None, proxy=None)
                self._sockets[path] = context.__enter__()
                self._sockets[path].recv()
            self._sockets[path].send(frame)
            reply = self._sockets[path].recv(timeout=60)
        except ConnectionClosed:
            self._sockets.pop(path, None)
            self.outcomes["connection closed"] += 1
            return
        text = reply if isinstance(reply, str) else str(unpackb(reply))
        self.outcomes["refused" if isinstance(reply, str) or "'error'" in text else "answered"] += 1
        self._look(text)

    def body(self, path: str, content: bytes, kind: str) -> None:
        """One HTTP body."""
        self.count += 1
        answer = self._client.post(self.server.http + path, content=content, headers={"Content-Type": kind})
        self.outcomes[f"HTTP {answer.status_code}"] += 1
        self._look(answer.text)

    def _look(self, text: str) -> None:
        self.leaks += [text[:200] for word in INSIDE if word in text]


def main() -> None:
    """Attack, then see what is left."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    arguments = ["--checkpoint", "tiny", "--embodiment", ROBOT, "--device", "cpu", "--threads", "1"]
    with BackgroundServer([*arguments, "--max-message-mib", "2"]) as server:
        process = psutil.Process(server.process.pid)
        worker = process.children()[0].pid
        attack = Attack(server)
        _storm(attack, options.messages // 10)
        early = process.memory_info().rss
        started = time.monotonic()
        _storm(attack, options.messages - attack.count)
        seconds = time.monotonic() - started
        grown = process.memory_info().rss - early
        example = embodiments.get(ROBOT).example_observation(seed=0)
        with cosmos_policy.connect(server.socket) as model:
            chunk = model.policy(
                Observation(example["images"], example["state"]), "still here", embodiment=ROBOT, seed=0
            )
        figures = {
            "messages": attack.count,
            "messages_per_second": attack.count / max(seconds, 1e-9),
            "server_errors_500": attack.outcomes["HTTP 500"],
            "leaks": len(attack.leaks),
            "exceptions_in_the_log": sum("exception" in entry for entry in server.log),
            "same_worker_at_the_end": int(process.children()[0].pid == worker),
            "answers_at_the_end": len(chunk.unified),
            "server_grew_mib": grown / 2**20,
        }
        outcomes = dict(attack.outcomes.most_common())
        for entry in server.log:
            if "exception" in entry:
                print(entry["exception"])
    print(json.dumps({**figures, "outcomes": outcomes}, indent=None if options.json else 2))


def _storm(attack: Attack, messages: int) -> None:
    """About `messages` messages, in equal parts of each kind."""
    each = max(1, -(-messages // 6))
    key = st.sampled_from(attack.keys)

    def throw(send, **strategies) -> None:
        quiet = settings(
            max_examples=each,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        quiet(given(**strategies)(send))()

    def changed(changes, dropped):
        message = {name: value for name, value in {**attack.observation, **changes}.items() if name not in dropped}
        attack.frame("/", _pack(message))

    def rest(body, call):
        attack.body(f"/v1/actions/{call}", _pack(body), "application/msgpack")

    def forms(content, path):
        attack.body(path, content, "multipart/form-data; boundary=x")

    throw(lambda frame: attack.frame("/", frame), frame=st.binary(max_size=400) | st.text(max_size=80))
    throw(changed, changes=st.dictionaries(key, VALUES | LYING_ARRAYS, max_size=3), dropped=st.sets(key, max_size=2))
    native = st.dictionaries(
        st.sampled_from(["call", "requests", "id", "reset", "session_id", "follow"]), VALUES | LYING_ARRAYS
    )
    throw(lambda message: attack.frame("/v1/actions/socket", _framed(message)), message=native)
    calls = st.sampled_from(["policy", "inverse-dynamics", "forward-dynamics", "reason", "generate"])
    throw(
        rest,
        body=VALUES | st.dictionaries(st.sampled_from(["observation", "frames", "seed", "messages", "prompt"]), VALUES),
        call=calls,
    )
    throw(
        lambda text, path: attack.body(path, text, "application/json"),
        text=VALUES.map(lambda value: json.dumps(value, default=str, skipkeys=True).encode()) | st.binary(max_size=200),
        path=st.sampled_from(
            ["/v1/actions/policy", "/predict", "/predict_batch", "/v1/chat/completions", "/v1/videos"]
        ),
    )
    parts = st.binary(max_size=200).map(
        lambda data: b'--x\r\nContent-Disposition: form-data; name="' + data + b"\r\n--x--"
    )
    throw(forms, content=parts | st.binary(max_size=300), path=st.sampled_from(["/v1/videos", "/v1/videos/sync"]))


def _pack(value: object) -> bytes:
    try:
        return msgpack.packb(value, default=str)
    except (OverflowError, ValueError, TypeError):
        return b"\xc1"


def _framed(value: object) -> bytes:
    body = _pack(value)
    return struct.pack("<I", len(body)) + body


def _plain(array: np.ndarray) -> dict[bytes, object]:
    return {b"__ndarray__": True, b"data": array.tobytes(), b"dtype": array.dtype.str, b"shape": array.shape}


if __name__ == "__main__":
    main()
