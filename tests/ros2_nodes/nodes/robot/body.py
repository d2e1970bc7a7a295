"""The robot's body: sensors on timers, a controller behind a topic, and the faults that it can be given."""

from __future__ import annotations

import time
from array import array
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.qos import qos_profile_sensor_data
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Image, JointState
from std_msgs.msg import Bool, Float64
from trajectory_msgs.msg import JointTrajectory

from robot.controller import TrajectoryController

JOINT_HZ = 100.0
CLOCK_HZ = 200.0
#: Of the limits. Braking carries no stamp, and joins where the robot is.
_TOLERATED = {"told": 1.001, "moved": 1.02}


class Body(Node):
    """setup: views (view -> topic), size [H, W], camera_hz, joint_topic, joints, gripper_joint, home, lower, upper,
    velocity, trajectory_topic, gripper_topic, emergency_stop_topic, deadman_topic or null, clock (publish /clock)."""

    def __init__(self, setup: dict[str, Any]) -> None:
        super().__init__("test_robot")
        self.setup = setup
        self.controller = TrajectoryController(setup["joints"], np.array(setup["home"]))
        self.gripper = 0.0
        self.faults: dict[str, Any] = {}
        self.published = dict.fromkeys(setup["views"], 0)
        self.forget()
        rng = np.random.default_rng(0)
        height, width = setup["size"]
        self._pictures = {view: self._picture(rng, height, width) for view in setup["views"]}
        self._cameras = {
            view: self.create_publisher(Image, topic, qos_profile_sensor_data) for view, topic in setup["views"].items()
        }
        self._joints = self.create_publisher(JointState, setup["joint_topic"], 10)
        self._stop = self.create_publisher(Bool, setup["emergency_stop_topic"], 10)
        self._deadman = self.create_publisher(Bool, setup["deadman_topic"], 10) if setup["deadman_topic"] else None
        self._clock_out = self.create_publisher(Clock, "/clock", 10) if setup["clock"] else None
        self.create_subscription(JointTrajectory, setup["trajectory_topic"], self._deliver, 10)
        self._under_way: list[tuple[float, JointTrajectory]] = []
        self._lateness = np.random.default_rng(0)
        self.create_timer(0.002, self._arrive)
        self.create_subscription(Float64, setup["gripper_topic"], self._grip, 10)
        self.create_timer(1.0 / setup["camera_hz"], self._see)
        self.create_timer(1.0 / JOINT_HZ, self._feel)
        if self._clock_out is not None:
            self.create_timer(1.0 / CLOCK_HZ, lambda: self._clock_out.publish(Clock(clock=self._stamp())))
        if self._deadman is not None:
            self.create_timer(0.05, self._hold_deadman)

    def forget(self) -> None:
        """Begin the record of what was received anew."""
        self.arrivals: list[float] = []
        """Steady time of every trajectory."""
        self.violations: list[str] = []
        self.motion: list[tuple[float, list[float], list[float]]] = []
        """Steady time, positions and velocities that the controller followed, at 100 Hz."""

    def listeners(self) -> int:
        """How many listen to the sensor that fewest listen to."""
        return min(publisher.get_subscription_count() for publisher in (*self._cameras.values(), self._joints))

    def press_emergency_stop(self, pressed: bool) -> None:
        self._stop.publish(Bool(data=pressed))

    def _stamp(self):
        now = self.get_clock().now().nanoseconds + round(1e9 * self.faults.get("clock_jumps", 0.0))
        message = Clock().clock
        message.sec, message.nanosec = now // 10**9, now % 10**9
        return message

    def _clock_s(self) -> float:
        """The controller's clock: that of stamps where the robot publishes one, else this machine's."""
        if self._clock_out is None:
            return 1e-9 * self.get_clock().now().nanoseconds
        stamp = self._stamp()
        return stamp.sec + 1e-9 * stamp.nanosec

    def _see(self) -> None:
        turn = int(200 * float(np.sum(self.controller.sample(time.monotonic())[0])))
        for view, publisher in self._cameras.items():
            if self.faults.get("camera_dies") in (view, "all"):
                continue
            picture = self._pictures[view]
            rows = len(picture) // 2 if self.faults.get("camera_shrinks") == view else len(picture)
            data = array("B")
            data.frombytes(np.roll(picture[:rows], turn, axis=1).tobytes())
            width = picture.shape[1]
            message = Image(height=rows, width=width, encoding="rgb8", step=3 * width, data=data)
            message.header.stamp = self._stamp()
            publisher.publish(message)
            self.published[view] += 1

    def _feel(self) -> None:
        now = time.monotonic()
        position, velocity = self.controller.sample(now)
        self.motion.append((now, position.tolist(), velocity.tolist()))
        self._judge(position, velocity, "moved")
        if self.faults.get("joints_die"):
            return
        names, values = [*self.setup["joints"], self.setup["gripper_joint"]], [*position.tolist(), self.gripper]
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
        message.header.stamp = self._stamp()
        self._joints.publish(message)

    def _hold_deadman(self) -> None:
        if not self.faults.get("deadman_silent"):
            self._deadman.publish(Bool(data=not self.faults.get("deadman_released", False)))

    def _deliver(self, message: JointTrajectory) -> None:
        late_s = self.faults.get("late_s", 0.0) * self._lateness.random()
        self._under_way.append((time.monotonic() + late_s, message))
        self._arrive()

    def _arrive(self) -> None:
        while self._under_way and self._under_way[0][0] <= time.monotonic():
            self._follow(self._under_way.pop(0)[1])

    def _follow(self, message: JointTrajectory) -> None:
        now = time.monotonic()
        self.arrivals.append(now)
        stamp = message.header.stamp.sec + 1e-9 * message.header.stamp.nanosec
        start = None if stamp == 0.0 else now - (self._clock_s() - stamp)
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

    def _grip(self, message: Float64) -> None:
        self.gripper = message.data

    def _judge(self, position: np.ndarray, velocity: np.ndarray, what: str) -> None:
        lower, upper, fastest = (np.array(self.setup[name]) for name in ("lower", "upper", "velocity"))
        if not (np.isfinite(position).all() and np.isfinite(velocity).all()):
            self.violations.append(f"{what} a number that is not finite")
        elif ((position < lower - 1e-6) | (position > upper + 1e-6)).any():
            self.violations.append(f"{what} beyond the position limits: {position.tolist()}")
        elif (np.abs(velocity) > _TOLERATED[what] * fastest).any():
            self.violations.append(f"{what} faster than the limits: {velocity.tolist()}")

    @staticmethod
    def _picture(rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        coarse = rng.integers(0, 256, (height // 20, width // 20, 3), dtype=np.uint8)
        return np.repeat(np.repeat(coarse, 20, axis=0), 20, axis=1)
