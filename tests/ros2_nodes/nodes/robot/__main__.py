"""``python -m robot SETUP``: runs until its standard input ends.

One line of JSON in, {"do": name, ...}, one line out, {"result": ...} or {"error": ...}. SETUP: JSON, as one of `BODIES`
takes it ("body" says which), and "node": the full name of the node that the operator speaks to, and
"instruction_topic".
"""

from __future__ import annotations

import json
import queue
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from std_msgs.msg import String
from std_srvs.srv import Trigger

from cosmos_policy_interfaces.srv import SetInstruction
from robot.body import Body
from robot.car_body import CarBody
from robot.joint_body import JointBody
from robot.operator import Operator
from robot.tool_body import ToolBody

BODIES = {"joints": JointBody, "tool": ToolBody, "car": CarBody}
Answer = Callable[[Any], None]


class Desk:
    """What can be asked for; each method answers once, now or later."""

    def __init__(self, body: Body, operator: Operator) -> None:
        self._body, self._operator = body, operator
        self._marked_s = 0.0

    def ready(self, answer: Answer) -> None:
        """Whether the node is there and the robot hears it."""
        answer(self._operator.change_state.service_is_ready() and self._operator.get_state.service_is_ready())

    def lifecycle(self, answer: Answer) -> None:
        future = self._operator.get_state.call_async(GetState.Request())
        future.add_done_callback(lambda done: answer(done.result().current_state.label))

    def transition(self, answer: Answer, label: str, number: int = 0) -> None:
        request = ChangeState.Request(transition=Transition(id=number, label=label))
        future = self._operator.change_state.call_async(request)
        future.add_done_callback(lambda done: answer(done.result().success))

    def set(self, answer: Answer, **parameters: Any) -> None:
        """Set parameters of the node; whether it took them all."""
        told = [Parameter(name, value=value).to_parameter_msg() for name, value in parameters.items()]
        future = self._operator.set_parameters_of_node.call_async(SetParameters.Request(parameters=told))
        future.add_done_callback(lambda done: answer(all(one.successful for one in done.result().results)))

    def instruct(self, answer: Answer, text: str) -> None:
        self._operator.instruction.publish(String(data=text))
        answer(None)

    def set_instruction(self, answer: Answer, text: str) -> None:
        future = self._operator.set_instruction.call_async(SetInstruction.Request(instruction=text))
        future.add_done_callback(lambda done: answer(done.result().success))

    def trigger(self, answer: Answer, name: str) -> None:
        future = self._operator.triggers[name].call_async(Trigger.Request())
        future.add_done_callback(lambda done: answer([done.result().success, done.result().message]))

    def run(self, answer: Answer, text: str, time_limit_s: float = 0.0) -> None:
        self._operator.run(text, time_limit_s, answer)

    def cancel(self, answer: Answer) -> None:
        self._operator.goal.cancel_goal_async().add_done_callback(
            lambda done: answer(len(done.result().goals_canceling))
        )

    def result(self, answer: Answer) -> None:
        """How the last goal ended, or null; and how often it told how it goes."""
        told = self._operator.result
        fields = ("success", "reason", "chunks", "commands", "duration_s")
        result = None if told is None else {field: getattr(told, field) for field in fields}
        answer({"result": result, "feedback": len(self._operator.feedback)})

    def fault(self, answer: Answer, name: str, value: Any = True) -> None:
        """Give the robot a fault (see `Body`) and mark the moment."""
        self._marked_s = time.monotonic()
        self._body.faults[name] = value
        answer(None)

    def mark(self, answer: Answer) -> None:
        """Mark the moment."""
        self._marked_s = time.monotonic()
        answer(None)

    def heal(self, answer: Answer) -> None:
        self._body.faults.clear()
        answer(None)

    def emergency_stop(self, answer: Answer, pressed: bool) -> None:
        self._marked_s = time.monotonic()
        self._body.press_emergency_stop(pressed)
        answer(None)

    def status(self, answer: Answer) -> None:
        """The newest status, or null."""
        answer(_status(self._operator.statuses[-1][1]) if self._operator.statuses else None)

    def since_mark(self, answer: Answer) -> None:
        """The states told since the last fault, one for every tick, with their reasons."""
        answer([_status(told) for heard_s, told in self._operator.statuses if heard_s >= self._marked_s])

    def reaction(self, answer: Answer) -> None:
        """What was told since the mark, and when ticks were heard and the robot felt itself, from a second before; all
        in seconds since the mark."""
        heard = [(when - self._marked_s, told) for when, told in self._operator.statuses]
        felt = [when - self._marked_s for when, _, _ in self._body.motion]
        answer(
            {
                "statuses": [(when, _status(told)) for when, told in heard if when >= 0.0],
                "ticks_s": [when for when, _ in heard if when >= -1.0],
                "felt_s": [when for when in felt if when >= -1.0],
            }
        )

    def listeners(self, answer: Answer) -> None:
        answer(self._body.heard())

    def ticks(self, answer: Answer) -> None:
        """Steady time and state of every status heard."""
        answer([(heard_s, told.state) for heard_s, told in self._operator.statuses])

    def diagnostics(self, answer: Answer) -> None:
        answer(self._operator.diagnostics)

    def chunks(self, answer: Answer) -> None:
        answer([{"number": one.number, "prefix_length": one.prefix_length} for one in self._operator.chunks])

    def rejected(self, answer: Answer) -> None:
        answer([list(one.reasons) for one in self._operator.rejected])

    def frames(self, answer: Answer) -> None:
        answer([[frame.height, frame.width, frame.encoding] for frame in self._operator.frames])

    def record(self, answer: Answer) -> None:
        """What came from the node since `forget`."""
        told = {key: getattr(self._body, key) for key in ("arrivals", "violations", "motion", "published")}
        hand = self._body.gripper
        gripper = None if hand is None else {name: getattr(hand, name) for name in ("position", "told", "wrong")}
        answer({**told, "gripper": gripper})

    def forget(self, answer: Answer) -> None:
        self._body.forget()
        self._operator.forget()
        answer(None)


def _status(message: Any) -> dict[str, Any]:
    counts = dict(zip(message.drop_reasons, message.drop_counts, strict=True))
    return {
        "state": message.state,
        "reasons": list(message.reasons),
        "instruction": message.instruction,
        "chunks": message.chunks,
        "commands": message.commands,
        "drops": counts,
        "inference_ms": message.inference_ms,
        "drift_score": message.drift_score,
    }


def main() -> None:
    setup = json.loads(sys.argv[1])
    rclpy.init()
    body = BODIES[setup["body"]](setup)
    desk = Desk(body, Operator(setup["node"], setup["instruction_topic"]))
    executor = SingleThreadedExecutor()
    executor.add_node(body)
    executor.add_node(desk._operator)
    asked: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            asked.put(line)
            executor.wake()
        asked.put(None)

    threading.Thread(target=read, daemon=True).start()

    def answer(result: Any) -> None:
        print(json.dumps({"result": result}), flush=True)

    print(json.dumps({"result": "up"}), flush=True)
    while True:
        while not asked.empty():
            line = asked.get()
            if line is None:
                rclpy.shutdown()
                return
            question = json.loads(line)
            try:
                getattr(desk, question.pop("do"))(answer, **question)
            except Exception:
                print(json.dumps({"error": traceback.format_exc()}), flush=True)
        executor.spin_once(timeout_sec=0.02)


main()
