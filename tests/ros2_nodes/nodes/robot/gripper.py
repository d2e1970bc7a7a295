"""A gripper that takes a number, a trajectory or an action."""

from __future__ import annotations

from control_msgs.action import GripperCommand
from rclpy.action import ActionServer
from rclpy.node import Node
from std_msgs.msg import Float64
from trajectory_msgs.msg import JointTrajectory


class Gripper:
    """It is where it was last told to be. kind: as an output's; joint: of trajectories; max_effort: of actions, N."""

    def __init__(self, node: Node, kind: str, topic: str, joint: str | None, max_effort: float | None) -> None:
        self.position, self.told, self.wrong = 0.0, 0, ""
        self._joint, self._max_effort = joint, max_effort
        if kind == "gripper_number":
            node.create_subscription(Float64, topic, lambda message: self._go(message.data), 10)
        elif kind == "gripper_trajectory":
            node.create_subscription(JointTrajectory, topic, self._follow, 10)
        else:
            self._server = ActionServer(node, GripperCommand, topic, self._act)

    def _go(self, position: float) -> None:
        self.position, self.told = position, self.told + 1

    def _follow(self, message: JointTrajectory) -> None:
        if message.joint_names != [self._joint] or list(message.points[-1].velocities) != [0.0]:
            self.wrong = f"a gripper's trajectory that is none: {message}"
        self._go(message.points[-1].positions[0])

    def _act(self, goal) -> GripperCommand.Result:
        if goal.request.command.max_effort != self._max_effort:
            self.wrong = f"a goal with another effort: {goal.request}"
        self._go(goal.request.command.position)
        goal.succeed()
        return GripperCommand.Result(position=self.position, reached_goal=True)
