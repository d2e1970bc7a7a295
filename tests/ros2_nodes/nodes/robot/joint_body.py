"""A robot of joints, behind a trajectory controller or one that takes positions as they come."""

from __future__ import annotations

import time
from array import array
from typing import Any

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray
from trajectory_msgs.msg import JointTrajectory

from robot.body import Body
from robot.controller import TrajectoryController

#: Of the velocity limits. What is told is exact; braking carries no stamp, and joins where the robot is.
_TOLERATED = {"told": 1.001, "moved": 1.02}
#: Later than this (s; the lead of a contract) a message may come only where this process, or the node's, was starved: a
#: controller in real time is not. For so long afterwards how fast the joints move is not judged.
_LATE_S, _UNJUDGED_S = 0.1, 1.0
#: Streamed positions that come this far apart (s) are judged as if they had come a period of 10 ms after each other.
_LATEST_S = 0.05


class JointBody(Body):
    """setup, beside `Body`'s: joint_topic, joints, gripper_joint, home, lower, upper, velocity, acceleration,
    jerk, arm_kind, arm_topic."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self.controller = TrajectoryController(setup["joints"], np.array(setup["home"]))
        self._under_way: list[tuple[float, JointTrajectory]] = []
        self._lateness = np.random.default_rng(0)
        self._judged_from_s = 0.0
        super().__init__(setup)
        self._joints = self.create_publisher(JointState, setup["joint_topic"], 10)
        if setup["arm_kind"] == "joint_trajectory":
            self.create_subscription(JointTrajectory, setup["arm_topic"], self._deliver, 10)
            self.create_timer(0.002, self._arrive)
        else:
            self.create_subscription(Float64MultiArray, setup["arm_topic"], self._take, 10)

    @property
    def position(self) -> np.ndarray:
        return self.controller.sample(time.monotonic())[0]

    @property
    def listeners(self) -> int:
        return self._joints.get_subscription_count()

    def _feel(self) -> None:
        position, velocity = self.controller.sample(time.monotonic())
        self._note(position, velocity)
        if time.monotonic() >= self._judged_from_s:
            self._judge(position, velocity, "moved")
        if self.faults.get("joints_die"):
            return
        names = [*self.setup["joints"], self.setup["gripper_joint"]]
        values = [*position.tolist(), self.gripper.position]
        if "joints_freeze" in self.faults:
            self.faults["joints_freeze"] = self.faults["joints_freeze"] or values
            values = list(self.faults["joints_freeze"])
        if "joints_jump" in self.faults:
            values[0] += self.faults["joints_jump"]
        if self.faults.get("joints_nan"):
            values[2] = float("nan")
        if self.faults.get("joints_lose"):
            lost = names.index(self.faults["joints_lose"])
            del names[lost], values[lost]
        # Drivers name their joints in any order.
        message = JointState(name=names[::-1], position=array("d", values[::-1]))
        message.header.stamp = self.stamp()
        self._joints.publish(message)

    def _deliver(self, message: JointTrajectory, info: dict[str, int]) -> None:
        late_s = self.faults.get("late_s", 0.0) * self._lateness.random()
        under_way_s = 1e-9 * (time.time_ns() - info["source_timestamp"])
        if under_way_s + late_s > _LATE_S:
            self._judged_from_s = time.monotonic() + _UNJUDGED_S
        self._under_way.append((time.monotonic() + late_s, message))
        self._arrive()

    def _arrive(self) -> None:
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            self._follow(self._under_way.pop(0)[1])

    def _follow(self, message: JointTrajectory) -> None:
        now = time.monotonic()
        self.arrivals.append(now)
        stamp = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        start = None if stamp == 0.0 else now - (self.clock_s() - stamp)
        times = np.array([point.time_from_start.sec + 1e-9 * point.time_from_start.nanosec for point in message.points])
        positions = np.array([point.positions for point in message.points])
        bare = not message.points or len(message.points[0].velocities) == 0
        velocities = None if bare else np.array([point.velocities for point in message.points])
        refused = self.controller.accept(list(message.joint_names), times, positions, velocities, now, start)
        if refused is not None:
            self.violations.append(f"refused: {refused}")
            return
        if bare:
            self.violations.append("a trajectory without velocities")
            return
        for row, speed in zip(positions, velocities, strict=True):
            self._judge(row, speed, "told")
        if len(times) > 2:
            # Between two points neither can be smaller than the largest that is needed to get from one to the next.
            acceleration = np.diff(velocities, axis=0) / np.diff(times)[:, None]
            jerk = np.diff(acceleration, axis=0) / np.diff(times)[1:, None]
            for name, values in (("acceleration", acceleration), ("jerk", jerk)):
                largest = np.abs(values).max(axis=0)
                self.judge(f"told more than the {name} limit", largest > 1.01 * np.array(self.setup[name]), largest)

    def _take(self, message: Float64MultiArray, info: dict[str, int]) -> None:
        """Be there now: who streams positions streams them smoothly."""
        sent, told = 1e-9 * info["source_timestamp"], np.array(message.data)
        before = self.arrivals[-1] if self.arrivals else -np.inf
        self.arrivals.append(sent)
        if sent - before < _LATEST_S:
            step = np.abs(told - self.controller.sample(time.monotonic())[0])
            self.judge("stepped too far", step > np.array(self.setup["velocity"]) * _LATEST_S, told)
        self._judge(told, 0.0 * told, "told")
        self.controller.place(told)

    def _judge(self, position: np.ndarray, velocity: np.ndarray, what: str) -> None:
        lower, upper, fastest = (np.array(self.setup[name]) for name in ("lower", "upper", "velocity"))
        self.judge(f"{what} a number that is not finite", ~np.isfinite([position, velocity]), position)
        self.judge(f"{what} beyond the limits", (position < lower - 1e-6) | (position > upper + 1e-6), position)
        self.judge(f"{what} faster than the limits", np.abs(velocity) > _TOLERATED[what] * fastest, velocity)
