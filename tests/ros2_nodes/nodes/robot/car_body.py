"""A car that follows the newest path by the times of its points; an empty one stops it."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Path
from tf2_msgs.msg import TFMessage

from robot.body import Body


class CarBody(Body):
    """setup, beside `Body`'s: arm_topic, frame, measured_topic, child_frame, home ([x, y, z]), velocity (m/s)."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._place, self._way = np.array(setup["home"], float), None
        super().__init__(setup)
        self._measured = self.create_publisher(TFMessage, setup["measured_topic"], 10)
        self.create_subscription(Path, setup["arm_topic"], self._follow, 10)

    @property
    def position(self) -> np.ndarray:
        return self._place

    @property
    def listeners(self) -> int:
        return self._measured.get_subscription_count()

    def _feel(self) -> None:
        if self._way is not None:
            times, places = self._way
            self._place = np.array([np.interp(self.clock_s(), times, column) for column in places.T])
        self._note(self._place, np.zeros(3))
        if self.faults.get("joints_die"):
            return
        link = TransformStamped(child_frame_id=self.setup["child_frame"])
        link.header.stamp, link.header.frame_id = self.stamp(), self.setup["frame"]
        link.transform.translation.x, link.transform.translation.y, link.transform.translation.z = self._place.tolist()
        link.transform.rotation.w = 1.0
        self._measured.publish(TFMessage(transforms=[link]))

    def _follow(self, message: Path) -> None:
        self.arrivals.append(time.monotonic())
        self.judge("in another frame", message.header.frame_id != self.setup["frame"], np.zeros(0))
        if not message.poses:
            self._way = None
            return
        times = np.array([pose.header.stamp.sec + 1e-9 * pose.header.stamp.nanosec for pose in message.poses])
        points = [pose.pose.position for pose in message.poses]
        places = np.array([[point.x, point.y, point.z] for point in points])
        self.judge("times that do not increase", np.diff(times) <= 0.0, times)
        speeds = np.linalg.norm(np.diff(places, axis=0), axis=-1) / np.diff(times)
        self.judge("faster than the limits", speeds > self.setup["velocity"], speeds)
        self._way = (np.append(self.clock_s(), times), np.vstack([self._place, places]))
