"""A robot that is told where its tool has to be, or how fast it has to move."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped, TransformStamped, TwistStamped
from scipy.spatial.transform import Rotation
from tf2_msgs.msg import TFMessage

from robot.body import Body

#: A twist is followed for so long after it came (MoveIt Servo's own limit is as long).
_TWIST_S = 0.1
#: Between two commands that come this far apart or nearer a tool may go what its velocity allows in this time.
_LATEST_S = 0.05


class ToolBody(Body):
    """setup, beside `Body`'s: arm_kind, arm_topic, frame, measured_topic, child_frame (of TF; null: a PoseStamped),
    home ([x, y, z]), lower, upper, velocity (m/s), angular_velocity (rad/s)."""

    def __init__(self, setup: dict[str, Any]) -> None:
        self._place, self._turn = np.array(setup["home"], float), Rotation.from_euler("xyz", [3.0, 0.1, 0.2])
        self._linear, self._angular = np.zeros(3), np.zeros(3)
        self._told_s = self._moved_s = time.monotonic()
        self._sent_s = -np.inf
        super().__init__(setup)
        measured = PoseStamped if setup["child_frame"] is None else TFMessage
        self._measured = self.create_publisher(measured, setup["measured_topic"], 10)
        if setup["arm_kind"] == "pose":
            self.create_subscription(PoseStamped, setup["arm_topic"], self._be_there, 10)
        else:
            self.create_subscription(TwistStamped, setup["arm_topic"], self._drift, 10)

    @property
    def position(self) -> np.ndarray:
        return self._place

    @property
    def listeners(self) -> int:
        return self._measured.get_subscription_count()

    def _feel(self) -> None:
        now = time.monotonic()
        if now - self._told_s < _TWIST_S:
            step = now - self._moved_s
            self._place = self._place + step * self._linear
            self._turn = Rotation.from_rotvec(step * self._angular) * self._turn
        self._moved_s = now
        self._note(self._place, self._linear)
        if self.faults.get("joints_die"):
            return
        x, y, z, w = self._turn.as_quat()
        message = PoseStamped()
        message.header.stamp, message.header.frame_id = self.stamp(), self.setup["frame"]
        message.pose.position.x, message.pose.position.y, message.pose.position.z = self._place.tolist()
        orientation = message.pose.orientation
        orientation.x, orientation.y, orientation.z, orientation.w = float(x), float(y), float(z), float(w)
        self._measured.publish(message if self.setup["child_frame"] is None else self._as_transform(message))

    def _as_transform(self, pose: PoseStamped) -> TFMessage:
        link = TransformStamped(header=pose.header, child_frame_id=self.setup["child_frame"])
        here = pose.pose.position
        link.transform.translation.x, link.transform.translation.y, link.transform.translation.z = (
            here.x,
            here.y,
            here.z,
        )
        link.transform.rotation = pose.pose.orientation
        return TFMessage(transforms=[link])

    def _be_there(self, message: PoseStamped, info: dict[str, int]) -> None:
        told, turn = message.pose.position, message.pose.orientation
        place, turned = np.array([told.x, told.y, told.z]), Rotation.from_quat([turn.x, turn.y, turn.z, turn.w])
        if self._hear(message, info):
            self.judge(
                "stepped too far", np.linalg.norm(place - self._place) > self.setup["velocity"] * _LATEST_S, place
            )
            angle = (self._turn.inv() * turned).magnitude()
            self.judge("turned too far", angle > self.setup["angular_velocity"] * _LATEST_S, [angle])
        self.judge("beyond the workspace", self._outside(place), place)
        self._place, self._turn = place, turned

    def _drift(self, message: TwistStamped, info: dict[str, int]) -> None:
        self._hear(message, info)
        linear, angular = message.twist.linear, message.twist.angular
        self._linear = np.array([linear.x, linear.y, linear.z])
        self._angular = np.array([angular.x, angular.y, angular.z])
        self.judge("faster", np.linalg.norm(self._linear) > 1.001 * self.setup["velocity"], self._linear)
        self.judge(
            "turned faster", np.linalg.norm(self._angular) > 1.05 * self.setup["angular_velocity"], self._angular
        )

    def _hear(self, message: Any, info: dict[str, int]) -> bool:
        """Whether the command before was sent just before."""
        self._told_s = time.monotonic()
        sent, before = 1e-9 * info["source_timestamp"], self._sent_s
        self._sent_s = sent
        self.arrivals.append(sent)
        self.judge("in another frame", message.header.frame_id != self.setup["frame"], np.zeros(0))
        return sent - before < _LATEST_S

    def _outside(self, place: np.ndarray) -> np.ndarray:
        return (place < np.array(self.setup["lower"]) - 1e-6) | (place > np.array(self.setup["upper"]) + 1e-6)
