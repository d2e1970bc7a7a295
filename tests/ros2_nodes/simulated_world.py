"""A robot, its cameras and a policy server in simulated time, for testing the loop. Fakes, all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

import embodiments
from cosmos_policy.types import ActionChunk, PolicyRequest
from ros2_nodes.commanding import GripperCommand, JointTrajectoryCommand, StreamedPositions
from ros2_nodes.contract import RobotContract
from ros2_nodes.execution import Answer, Inference
from ros2_nodes.loop import Instant, PolicyLoop, TickReport
from ros2_nodes.observing import ImageSample, JointSample

JOINTS = [f"joint_{number}" for number in range(1, 8)]
HOME = np.array([0.0, -0.4, 0.1, -1.8, 0.0, 1.6, 0.3])
IMAGE = np.arange(24 * 32 * 3, dtype=np.uint8)


def droid_contract(kind: str = "joint_positions", **changes: dict) -> RobotContract:
    """A Franka as DROID under small cameras. changes: part of the contract -> settings that replace its own."""
    camera = {
        "role": "view", "type": "sensor_msgs/msg/Image", "encoding": "rgb8", "size": [24, 32],
        "max_age_ms": 150, "max_skew_ms": 200,
    }  # fmt: skip
    timed = {"type": "sensor_msgs/msg/JointState", "topic": "/joint_states", "max_age_ms": 60, "max_skew_ms": 120}
    content = {
        "embodiment": "droid_joint",
        "control_rate_hz": 15,
        "streams": {
            **{view: {**camera, "topic": f"/{view}/image_raw"} for view in ("wrist", "exterior_1", "exterior_2")},
            "joint_position": {**timed, "role": "state", "joints": JOINTS},
            "gripper_position": {
                **timed, "role": "gripper", "joint": "finger_joint", "measured_open": 0.0, "measured_closed": 0.8,
                "open": 0.0, "closed": 1.0,
            },
        },
        "stops": {"emergency_stop": {"topic": "/stop"}, "deadman": {"topic": "/deadman", "max_age_ms": 200}},
        "outputs": {
            "arm": {
                "kind": kind, "topic": "/arm", "command": "joint_position", "joints": JOINTS,
                "measured_by": "joint_position",
            },
            "gripper": {
                "kind": "gripper_number", "topic": "/gripper", "command": "gripper_position", "open": 0.0,
                "closed": 1.0, "robot_open": 0.0, "robot_closed": 0.8,
            },
        },
        "limits": {
            "arm": {
                "of": "joints", "lower": [-2.7], "upper": [2.7], "velocity": [2.0], "acceleration": [10.0],
                "jerk": [400.0],
            },
            "gripper": {"of": "gripper", "lower": 0.0, "upper": 0.8},
        },
        "execution": {"execution_horizon": 8, "deadline_ms": 800},
        "safety": {
            "start_tolerance": 0.5, "jump_tolerance": 0.6, "tracking_tolerance": 0.3, "hold_limit_s": 3.0,
            "start_ramp_s": 0.5,
        },
    }  # fmt: skip
    for part, settings in changes.items():
        content[part] = {**content.get(part, {}), **settings} if isinstance(settings, dict) else settings
    return RobotContract.model_validate(content)


class SmoothPrefixTestPolicy:
    """A smooth test policy that honours prefixes: joints swing along sines of absolute time around a place that differs
    from HOME with every call (`disagreement`, rad), and the chunk goes over from what it was told (else from what it
    sees) to that. It answers as a world-action model does; there is no model behind it."""

    def __init__(self, disagreement: float = 0.03, amplitude: float = 0.25, seed: int = 0) -> None:
        self._disagreement, self._amplitude = disagreement, amplitude
        self._random = np.random.default_rng(seed)
        self.embodiment = embodiments.get("droid_joint")

    def __call__(self, request: PolicyRequest) -> ActionChunk:
        robot, stamp = self.embodiment, request.observation.stamp
        steps, step_s = robot.chunk_size, 1.0 / robot.fps
        due = stamp + step_s * np.arange(1, steps + 1)
        phase = np.arange(7) * 0.9
        offset = self._random.normal(0.0, self._disagreement, 7)
        joints = HOME + offset + self._amplitude * np.sin(1.4 * due[:, None] + phase)
        told = request.prefix
        if told is not None:
            gap = told[-1, :7] - joints[len(told) - 1]
            slope = gap - (told[-2, :7] - joints[len(told) - 2]) if len(told) > 1 else 0.0 * gap
            ahead = np.arange(1, steps - len(told) + 1)[:, None]
            fading = np.exp(-0.5 * (ahead / 4.0) ** 2)
            joints[len(told) :] += fading * (gap + slope * ahead)
            joints[: len(told)] = told[:, :7]
        else:
            gap = request.observation.state["joint_position"] - joints[0]
            joints += np.exp(-0.5 * (np.arange(steps)[:, None] / 8.0) ** 2) * gap
        gripper = 0.5 + 0.4 * np.sin(0.5 * due[:, None])
        return self._chunk(np.concatenate([joints, gripper], axis=-1), request)

    def _chunk(self, unified: np.ndarray, request: PolicyRequest) -> ActionChunk:
        robot, stamp = self.embodiment, request.observation.stamp
        return ActionChunk(
            model=unified.astype(np.float32),
            unified=unified,
            commands=robot.decode(unified, request.observation.state),
            dt=1.0 / robot.fps,
            stamp=stamp,
            valid_until=stamp + len(unified) / robot.fps,
            info={"embodiment": robot.name},
        )


class SimulatedInference(Inference):
    """Answers `latency_s` of simulated time after the question; :attr:`now_s` is set by the world. `spoil` changes
    answers (or returns an exception), for faults."""

    def __init__(self, policy: Callable[[PolicyRequest], ActionChunk], latency_s: float) -> None:
        self._policy, self.latency_s, self.now_s = policy, latency_s, 0.0
        self.spoil: Callable[[ActionChunk], ActionChunk | Exception] = lambda chunk: chunk
        self._request: PolicyRequest | None = None
        self._ready_s = 0.0

    def ask(self, request: PolicyRequest) -> None:
        assert self._request is None, "two questions at once"
        self._request, self._ready_s = request, self.now_s + self.latency_s

    def poll(self) -> Answer | None:
        if self._request is None or self.now_s < self._ready_s - 1e-9:
            return None
        request, self._request = self._request, None
        answer = self.spoil(self._policy(request))
        return Answer(request, None, answer) if isinstance(answer, Exception) else Answer(request, answer, None)

    @property
    def busy(self) -> bool:
        return self._request is not None


@dataclass
class World:
    """The loop with a robot that goes where it is told, one period of 10 ms late. All faults are fields."""

    contract: RobotContract
    inference: SimulatedInference
    loop: PolicyLoop
    positions: np.ndarray = field(default_factory=lambda: HOME.copy())
    now_s: float = 100.0
    stamp_offset_s: float = 5e8
    silent: set[str] = field(default_factory=set)
    frozen: bool = False
    reported: Callable[[np.ndarray], JointSample | None] | None = None
    image_size: tuple[int, int] = (24, 32)
    deadman_held: bool = True
    ticking: bool = True
    times_s: list[float] = field(default_factory=list)
    commanded: list[np.ndarray] = field(default_factory=list)
    grippers: list[float] = field(default_factory=list)
    trajectories: list[tuple[float, JointTrajectoryCommand]] = field(default_factory=list)
    reports: list[tuple[float, TickReport]] = field(default_factory=list)
    _count: int = 0
    _shown: np.ndarray = field(default_factory=lambda: HOME.copy())

    @classmethod
    def make(cls, contract: RobotContract, policy: Callable | None = None, latency_s: float = 0.3) -> World:
        policy = SmoothPrefixTestPolicy() if policy is None else policy
        inference = SimulatedInference(policy, latency_s)
        world = cls(contract, inference, PolicyLoop(contract, embodiments.get(contract.embodiment), inference))
        world.loop.instruct("swing")
        return world

    @property
    def now(self) -> Instant:
        return Instant(self.now_s, self.now_s + self.stamp_offset_s)

    def run(self, seconds: float) -> None:
        """In steps of 10 ms: sensors, a tick every 1/15 s, commands."""
        for _ in range(round(seconds * 100)):
            self.step()

    def step(self) -> None:
        self._count += 1
        self.now_s = 100.0 + 0.01 * self._count
        self.inference.now_s = self.now_s
        self._sense()
        if self.ticking and int(self._count * 15 / 100) != int((self._count - 1) * 15 / 100):
            self.reports.append((self.now_s, self.loop.tick(self.now)))
        self._obey()

    def state_at(self, seconds: float) -> str:
        return next(report.state.value for when, report in reversed(self.reports) if when <= seconds)

    def _sense(self) -> None:
        now = self.now
        if not self.frozen:
            self._shown = self.positions.copy()
        if "joints" not in self.silent:
            sample = JointSample(now.stamp_s, (*JOINTS, "finger_joint"), np.append(self._shown, 0.4))
            sample = sample if self.reported is None else self.reported(sample)
            if sample is not None:
                self.loop.receive("joint_position", sample)
                self.loop.receive("gripper_position", sample)
        height, width = self.image_size
        if self._count % 6 == 0:
            image = ImageSample(
                now.stamp_s, "camera", "rgb8", height, width, 3 * width, False, IMAGE[: 3 * height * width]
            )
            for view in ("wrist", "exterior_1", "exterior_2"):
                if view not in self.silent:
                    self.loop.receive(view, image)
        if self._count % 5 == 0 and "deadman" not in self.silent:
            self.loop.hold_deadman(self.deadman_held, now)

    def _obey(self) -> None:
        for command in self.loop.commands(self.now):
            if isinstance(command, StreamedPositions):
                self.times_s.append(self.now_s)
                self.commanded.append(command.positions)
            elif isinstance(command, JointTrajectoryCommand):
                self.trajectories.append((self.now_s, command))
            elif isinstance(command, GripperCommand):
                self.grippers.append(command.position)
        if self.commanded:
            self.positions = self.commanded[-1].copy()
        elif self.trajectories:
            sent_s, command = self.trajectories[-1]
            after = np.searchsorted(command.times_s, self.now_s - sent_s + (command.past_s or 0.0))
            self.positions = command.positions[min(after, len(command.times_s) - 1)].copy()


def spoiled(**changes: object) -> Callable[[ActionChunk], ActionChunk]:
    """An answer with fields replaced."""
    return lambda chunk: replace(chunk, **changes)
