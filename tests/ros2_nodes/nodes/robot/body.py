"""What every test robot has: cameras, stops, a clock, faults, and the record of what reached it."""

from __future__ import annotations

import time
from abc import abstractmethod
from array import array
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image
from std_msgs.msg import Bool

from robot.gripper import Gripper

MEASURED_HZ = 100.0
CLOCK_HZ = 200.0


class Body(Node):
    """setup: views (view -> topic), size [H, W], camera_hz, still (whether pictures never change), clock (publish
    /clock), emergency_stop_topic, deadman_topic or null, gripper (see `Gripper`) or null."""

    def __init__(self, setup: dict[str, Any]) -> None:
        super().__init__("test_robot")
        self.setup = setup
        self.faults: dict[str, Any] = {}
        self.published = dict.fromkeys(setup["views"], 0)
        self.forget()
        rng = np.random.default_rng(0)
        height, width = setup["size"]
        self._pictures = {view: self._picture(rng, height, width) for view in setup["views"]}
        self._cameras = {
            view: self.create_publisher(Image, topic, qos_profile_sensor_data) for view, topic in setup["views"].items()
        }
        self._stop = self.create_publisher(Bool, setup["emergency_stop_topic"], 10)
        self._deadman = self.create_publisher(Bool, setup["deadman_topic"], 10) if setup["deadman_topic"] else None
        self._clock_out = self.create_publisher(Clock, "/clock", 10) if setup["clock"] else None
        self.gripper = None if setup["gripper"] is None else Gripper(self, **setup["gripper"])
        self.create_timer(1.0 / setup["camera_hz"], self._see)
        self.create_timer(1.0 / MEASURED_HZ, self._feel)
        if self._clock_out is not None:
            self.create_timer(1.0 / CLOCK_HZ, lambda: self._clock_out.publish(Clock(clock=self.stamp())))
        if self._deadman is not None:
            self.create_timer(0.05, self._hold_deadman)

    @property
    @abstractmethod
    def position(self) -> np.ndarray:
        """Where the robot is now, [N]."""

    @property
    @abstractmethod
    def listeners(self) -> int:
        """How many listen to what measures the robot."""

    @abstractmethod
    def _feel(self) -> None:
        """Publish what measures the robot; called at `MEASURED_HZ`."""

    def forget(self) -> None:
        """Begin the record of what was received anew."""
        self.arrivals: list[float] = []
        """Time of every command for what moves: of trajectories and paths the steady time when they arrived, of what is
        streamed the time when it was sent."""
        self.violations: list[str] = []
        self.motion: list[tuple[float, list[float], list[float]]] = []
        """Steady time, positions and velocities, at `MEASURED_HZ`."""

    def heard(self) -> int:
        """How many listen to the sensor that fewest listen to."""
        return min(self.listeners, *(publisher.get_subscription_count() for publisher in self._cameras.values()))

    def press_emergency_stop(self, pressed: bool) -> None:
        self._stop.publish(Bool(data=pressed))

    def stamp(self):
        """Now, as this robot's drivers write it."""
        now = self.get_clock().now().nanoseconds + round(1e9 * self.faults.get("clock_jumps", 0.0))
        message = Clock().clock
        message.sec, message.nanosec = now // 10**9, now % 10**9
        return message

    def clock_s(self) -> float:
        """The controller's clock: that of stamps where the robot publishes one, else this machine's."""
        if self._clock_out is None:
            return 1e-9 * self.get_clock().now().nanoseconds
        stamp = self.stamp()
        return stamp.sec + 1e-9 * stamp.nanosec

    def judge(self, what: str, wrong: np.ndarray | bool, numbers: np.ndarray) -> None:
        """Note a violation where anything is wrong."""
        if np.any(wrong):
            self.violations.append(f"{what}: {np.asarray(numbers).tolist()}")

    def _see(self) -> None:
        turn = 0 if self.setup["still"] else int(200 * float(np.sum(self.position)))
        for view, publisher in self._cameras.items():
            if self.faults.get("camera_dies") in (view, "all"):
                continue
            picture = self._pictures[view]
            rows = len(picture) // 2 if self.faults.get("camera_shrinks") == view else len(picture)
            data = array("B")
            data.frombytes(np.roll(picture[:rows], turn, axis=1).tobytes())
            width = picture.shape[1]
            message = Image(height=rows, width=width, encoding="rgb8", step=3 * width, data=data)
            message.header.stamp = self.stamp()
            publisher.publish(message)
            self.published[view] += 1

    def _hold_deadman(self) -> None:
        if not self.faults.get("deadman_silent"):
            self._deadman.publish(Bool(data=not self.faults.get("deadman_released", False)))

    def _note(self, position: np.ndarray, velocity: np.ndarray) -> None:
        self.motion.append((time.monotonic(), position.tolist(), velocity.tolist()))

    @staticmethod
    def _picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        coarse = rng.integers(0, 256, (-(-height // 20), -(-width // 20), 3), dtype=np.uint8)
        return np.repeat(np.repeat(coarse, 20, axis=0), 20, axis=1)[:height, :width]
