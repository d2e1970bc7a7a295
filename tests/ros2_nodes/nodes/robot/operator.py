"""The person at the robot: reads status and diagnostics, changes states, gives instructions."""

from __future__ import annotations

import time
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.action import ActionClient
from rclpy.node import Node
from sensor_msgs.msg import Image
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cosmos_policy_interfaces.action import RunInstruction
from cosmos_policy_interfaces.msg import ActionChunk, PolicyStatus, RejectedChunk
from cosmos_policy_interfaces.srv import SetInstruction
from ros2_nodes.conversions.quality import quality


class Operator(Node):
    """Speaks to the node of the given full name."""

    def __init__(self, node: str, instruction_topic: str) -> None:
        super().__init__("test_operator")
        self.forget()
        self.create_subscription(PolicyStatus, f"{node}/status", self._hear_status, 100)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._hear_diagnostics, 100)
        self.create_subscription(
            ActionChunk, f"{node}/predicted_chunk", lambda message: self.chunks.append(message), 100
        )
        self.create_subscription(RejectedChunk, f"{node}/rejected_chunk", lambda told: self.rejected.append(told), 100)
        self.create_subscription(Image, f"{node}/predicted_video", lambda told: self.frames.append(told), 100)
        self.change_state = self.create_client(ChangeState, f"{node}/change_state")
        self.get_state = self.create_client(GetState, f"{node}/get_state")
        self.set_instruction = self.create_client(SetInstruction, f"{node}/set_instruction")
        self.set_parameters_of_node = self.create_client(SetParameters, f"{node}/set_parameters")
        self.triggers = {name: self.create_client(Trigger, f"{node}/{name}") for name in ("start", "stop")}
        self.run_instruction = ActionClient(self, RunInstruction, f"{node}/run_instruction")
        self.instruction = self.create_publisher(String, instruction_topic, quality("latched"))
        self.goal: Any = None
        self.result: RunInstruction.Result | None = None
        self.feedback: list[RunInstruction.Feedback] = []

    def forget(self) -> None:
        """Begin the record of what was heard anew."""
        self.statuses: list[tuple[float, PolicyStatus]] = []
        self.diagnostics: list[dict[str, Any]] = []
        self.chunks: list[ActionChunk] = []
        self.rejected: list[RejectedChunk] = []
        self.frames: list[Image] = []

    def run(self, instruction: str, time_limit_s: float, accepted) -> None:
        """Send a goal; accepted: called with whether it was. The result lands in `result`."""
        self.result, self.feedback = None, []
        goal = RunInstruction.Goal(instruction=instruction, time_limit_s=time_limit_s)
        sent = self.run_instruction.send_goal_async(goal, lambda heard: self.feedback.append(heard.feedback))

        def on_answer(future) -> None:
            self.goal = future.result()
            accepted(self.goal.accepted)
            if self.goal.accepted:
                self.goal.get_result_async().add_done_callback(self._keep_result)

        sent.add_done_callback(on_answer)

    def _keep_result(self, future) -> None:
        self.result = future.result().result

    def _hear_status(self, message: PolicyStatus) -> None:
        self.statuses.append((time.monotonic(), message))

    def _hear_diagnostics(self, message: DiagnosticArray) -> None:
        self.diagnostics.append(
            {
                entry.name.rpartition(": ")[2]: {
                    "level": entry.level[0],
                    "message": entry.message,
                    "values": {value.key: value.value for value in entry.values},
                }
                for entry in message.status
            }
        )
