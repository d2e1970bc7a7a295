"""Real processes for tests and measurements: a server, the node, and the test robot with its operator."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml

from cosmos_policy.server.background import BackgroundServer
from ros2_nodes.contract import RobotContract

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[2]
CONTRACT = REPOSITORY / "launch" / "config" / "droid_joint.yaml"
HOME = [0.0, -0.628, 0.0, -2.513, 0.0, 1.885, 0.0]
TOOL_HOME = [0.5, 0.0, 0.4]
PATIENCE_S = 60.0


def smooth_server(
    moods: Path, latency_ms: float = 0.0, port: int = 0, embodiment: str = "droid_joint"
) -> BackgroundServer:
    """A real server with the smooth test policy; use it in a ``with`` block."""
    search = os.pathsep.join([str(HERE), str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return BackgroundServer(
        ["--embodiment", embodiment, "--latency-ms", str(latency_ms), "--moods", str(moods)],
        command=[sys.executable, str(HERE / "smooth_policy.py"), "--port", str(port)],
        environment={**os.environ, "PYTHONPATH": search, "OMP_NUM_THREADS": "1"},
    )


class Process:
    """A child process whose output is kept, ended when the ``with`` block ends."""

    def __init__(self, command: Sequence[Any], environment: dict[str, str]) -> None:
        self.lines: deque[str] = deque(maxlen=2000)
        self.process = subprocess.Popen(
            [str(part) for part in command],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        threading.Thread(target=self._keep, args=(self.process.stderr,), daemon=True).start()

    def __enter__(self):
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self, number: int = signal.SIGTERM, timeout_s: float = 10.0) -> int:
        """Send the signal and wait; its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"it did not end:\n{self.log}") from None

    @property
    def log(self) -> str:
        """What it wrote on its standard error."""
        return "\n".join(self.lines)

    def _keep(self, stream: Any) -> None:
        for line in stream:
            self.lines.append(line.rstrip())


class Robot(Process):
    """The test robot's process; :meth:`do` asks one thing of it."""

    def __init__(self, ros: Any, contract: RobotContract, *, node: str = "/cosmos_policy", **changes: Any) -> None:
        environment = ros.variables()
        environment["PYTHONPATH"] = f"{HERE}{os.pathsep}{environment['PYTHONPATH']}"
        super().__init__([ros.python, "-m", "robot", json.dumps(_setup(contract, node) | changes)], environment)
        self._turn = threading.Lock()
        self._answers: deque[dict] = deque()
        self._came = threading.Condition()
        threading.Thread(target=self._listen, daemon=True).start()
        self._answer()

    def do(self, ask: str, /, **details: Any) -> Any:
        """The answer to one question (see ``robot.__main__.Desk``)."""
        with self._turn:
            self.process.stdin.write(json.dumps({"do": ask, **details}) + "\n")
            self.process.stdin.flush()
            return self._answer()

    def wait(self, what: str, until: Callable[[], Any], patience_s: float = PATIENCE_S) -> Any:
        """Ask again and again until it holds; its value. `what` is for the message where it never does."""
        end = time.monotonic() + patience_s
        while True:
            value = until()
            if value:
                return value
            if time.monotonic() > end:
                status, told = self.do("status"), self.do("diagnostics")
                raise AssertionError(f"never: {what}; status {status}; diagnostics {told[-1:]}")
            time.sleep(0.05)

    def wait_state(self, *states: str, patience_s: float = PATIENCE_S) -> dict[str, Any]:
        """The first status that tells one of these safety states."""

        def there() -> dict[str, Any] | None:
            status = self.do("status")
            return status if status is not None and status["state"] in states else None

        return self.wait(f"the state {' or '.join(states)}", there, patience_s)

    def activate(self) -> None:
        """From wherever a fresh node is to active."""
        self.wait("the node's services", lambda: self.do("ready"))
        assert self.do("transition", label="configure")
        assert self.do("transition", label="activate")

    def _answer(self) -> Any:
        with self._came:
            if not self._came.wait_for(lambda: self._answers, timeout=PATIENCE_S):
                raise AssertionError(f"the test robot did not answer:\n{self.log}")
            answer = self._answers.popleft()
        if "error" in answer:
            raise AssertionError(answer["error"])
        return answer["result"]

    def _listen(self) -> None:
        for line in self.process.stdout:
            with self._came:
                self._answers.append(json.loads(line))
                self._came.notify()


def node(ros: Any, name: str = "policy_node", **parameters: Any) -> Process:
    """One of our nodes, started with the command line that launch writes."""
    with tempfile.NamedTemporaryFile("w", prefix="launch_params_", delete=False) as file:
        yaml.safe_dump({"/**": {"ros__parameters": parameters}}, file)
    command: list[Any] = [ros.python, REPOSITORY / "launch" / "executables" / name, "--ros-args"]
    command += ["-r", f"__node:={'cosmos_policy' if name == 'policy_node' else name}", "-r", "__ns:=/"]
    return Process([*command, "--params-file", file.name], ros.variables())


@contextlib.contextmanager
def rig(
    ros: Any,
    contract: RobotContract,
    server: str,
    *,
    robot: dict[str, Any] | None = None,
    file: Path = CONTRACT,
    **parameters: Any,
):
    """(robot, node), both up; the node is not yet configured. file: where the contract stands."""
    with (
        Robot(ros, contract, **(robot or {})) as body,
        node(ros, contract=str(file), server=server, **parameters) as brain,
    ):
        try:
            yield body, brain
        except AssertionError as error:
            error.add_note(f"the node's log:\n{brain.log}")
            raise


def _setup(contract: RobotContract, name: str) -> dict[str, Any]:
    moving, gripper = next(iter(contract.outputs.values())), contract.outputs.get("gripper")
    view = next(iter(contract.views.values()))
    body = _car if moving.kind == "path" else _tool if moving.kind in ("pose", "twist") else _joints
    return {
        **body(contract),
        "node": name,
        "views": {view: stream.topic for view, stream in contract.views.items()},
        "size": view.size,
        "camera_hz": 15.0,
        "still": False,
        "arm_kind": moving.kind,
        "arm_topic": moving.topic,
        "gripper": gripper and {name: getattr(gripper, name) for name in ("kind", "topic", "joint", "max_effort")},
        "instruction_topic": contract.instruction.topic,
        "emergency_stop_topic": contract.stops.emergency_stop.topic,
        "deadman_topic": None if contract.stops.deadman is None else contract.stops.deadman.topic,
        "clock": False,
    }


def _joints(contract: RobotContract) -> dict[str, Any]:
    limits = contract.limits["arm"]
    return {
        "body": "joints",
        "joint_topic": contract.streams["joint_position"].topic,
        "joints": contract.outputs["arm"].joints,
        "gripper_joint": contract.streams["gripper_position"].joint,
        "home": HOME,
        "lower": limits.lower,
        "upper": limits.upper,
        "velocity": limits.velocity,
        "acceleration": limits.acceleration,
        "jerk": limits.jerk,
    }


def _car(contract: RobotContract) -> dict[str, Any]:
    measured = contract.streams["camera_to_world"]
    return {
        "body": "car",
        "frame": contract.outputs["path"].frame,
        "measured_topic": measured.topic,
        "child_frame": measured.child_frame,
        "home": [0.0, 0.0, 0.0],
        "velocity": contract.limits["path"].velocity,
    }


def _tool(contract: RobotContract) -> dict[str, Any]:
    arm, limits = contract.outputs["arm"], contract.limits["arm"]
    measured = contract.streams[arm.measured_by]
    return {
        "body": "tool",
        "frame": arm.frame,
        "measured_topic": measured.topic,
        "child_frame": measured.child_frame,
        "home": TOOL_HOME,
        "lower": limits.workspace.lower,
        "upper": limits.workspace.upper,
        "velocity": limits.velocity,
        "angular_velocity": limits.angular_velocity,
    }
