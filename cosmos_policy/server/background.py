"""A server as a child process: for launch files, benchmarks and tests."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

import httpx

from cosmos_policy.errors import Failure

_COMMAND = (sys.executable, "-c", "from cosmos_policy.cli.main import run; run()", "serve")
KEPT_LOG_LINES = 2000
STOP_S = 20.0


class BackgroundServer:
    """``cosmos-policy serve`` on a free port, stopped at the end of a ``with`` block.

    arguments: options of ``cosmos-policy serve`` (``--port 0`` is added). ready_s: how long loading may take.
    command: what to run in its place; it must log as ``serve`` does.
    """

    def __init__(
        self,
        arguments: Sequence[str] = (),
        *,
        ready_s: float = 300.0,
        command: Sequence[str] | None = None,
        environment: Mapping[str, str] | None = None,
        scheme: str = "http",
    ):
        self._command = [*(command or (*_COMMAND, "--port", "0")), *arguments]
        self._ready_s, self._environment, self._scheme = ready_s, environment, scheme
        self._listening = threading.Event()
        self.log: deque[dict[str, Any]] = deque(maxlen=KEPT_LOG_LINES)
        """What the server logged, parsed; lines that are no JSON under the key ``text``."""
        self.port = 0
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> BackgroundServer:
        self.start()
        self.wait_ready()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def http(self) -> str:
        """Its address for HTTP."""
        return f"{self._scheme}://127.0.0.1:{self.port}"

    @property
    def socket(self) -> str:
        """Its address for WebSockets."""
        return f"{'wss' if self._scheme == 'https' else 'ws'}://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it listens. Raises :class:`Failure` where it ends instead."""
        self.process = subprocess.Popen(
            self._command, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, env=self._environment
        )
        threading.Thread(target=self._read_log, daemon=True).start()
        if not self._listening.wait(self._ready_s) or self.port == 0:
            self.stop()
            raise Failure(f"The server did not start: {list(self.log)[-3:]}")

    def wait_ready(self) -> None:
        """Until the model is loaded and warm."""
        until = time.monotonic() + self._ready_s
        while time.monotonic() < until and self.process.poll() is None:
            with contextlib.suppress(httpx.TransportError):
                if httpx.get(f"{self.http}/readyz", verify=False, trust_env=False).status_code == 200:
                    return
            time.sleep(0.1)
        self.stop()
        raise Failure(f"The server did not become ready: {list(self.log)[-3:]}")

    def stop(self) -> int | None:
        """End it, gently first; returns its exit code."""
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
        try:
            return self.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()

    def _read_log(self) -> None:
        for line in self.process.stderr:
            try:
                entry = json.loads(line)
            except ValueError:
                entry = {"text": line.rstrip()}
            self.log.append(entry)
            if isinstance(entry, dict) and str(entry.get("message", "")).startswith("listening on"):
                self.port = entry["port"]
                self._listening.set()
        self._listening.set()  # it ended: nobody needs to wait any longer
