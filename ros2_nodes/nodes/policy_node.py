"""``policy_node``: a world-action model drives a robot.

A lifecycle node. Configure reads the robot's contract and agrees with the server; activate starts the loop; deactivate
brings the robot to rest. Topics, services, parameters and safety states: docs/ros2.md.
"""

from __future__ import annotations

import contextlib
import time
from functools import partial
from typing import Any

from rclpy.clock import Clock, ClockType
from std_srvs.srv import Trigger

from cosmos_policy.errors import UsageError
from cosmos_policy_interfaces.srv import SetInstruction
from ros2_nodes.contract import load_contract
from ros2_nodes.execution.worker import InferenceWorker
from ros2_nodes.loop import Instant, PolicyLoop
from ros2_nodes.nodes import policy_settings
from ros2_nodes.nodes.guarded import GuardedLifecycleNode
from ros2_nodes.nodes.inputs import Inputs
from ros2_nodes.nodes.instruction_action import InstructionAction
from ros2_nodes.nodes.models import open_source
from ros2_nodes.nodes.outputs import Outputs
from ros2_nodes.nodes.reporting import Reporter
from ros2_nodes.nodes.running import run
from ros2_nodes.reasons import Reason
from ros2_nodes.safety.states import SafetyState

DIAGNOSTICS_S = 1.0
#: Deceleration to rest takes a fraction of this at any sensible limits.
REST_S = 3.0


class PolicyNode(GuardedLifecycleNode):
    """Wires one contract's loop to topics, and gives it its time."""

    def __init__(self, name: str = "cosmos_policy") -> None:
        super().__init__(name)
        policy_settings.declare(self)
        self._steady_clock = Clock(clock_type=ClockType.STEADY_TIME)
        self._held = contextlib.ExitStack()
        """What was configured, given back in reverse order."""
        self._timers_of_activity: list[Any] = []
        self._loop: PolicyLoop | None = None
        self._instruction = ""

    def configure(self) -> None:
        settings = policy_settings.read(self)
        contract = load_contract(settings.contract, settings.overrides)
        source = open_source(contract, settings)
        self._held.callback(source.close)
        worker = InferenceWorker(source)
        self._held.callback(worker.close)
        self._contract = contract
        self._loop = PolicyLoop(contract, source.embodiment, worker, settings.seed)
        self._inputs = Inputs(self, contract, self._loop, self.now, self._instruct)
        self._held.callback(self._inputs.close)
        self._outputs = Outputs(self, contract)
        self._held.callback(self._outputs.close)
        self._reporter = Reporter(self, contract, source.embodiment, self._inputs, self._outputs)
        self._held.callback(self._reporter.close)
        self._action = InstructionAction(self, self._reporter, self._begin, self._end, time.monotonic)
        self._held.callback(self._action.close)
        self._serve()
        diagnose = self.create_timer(DIAGNOSTICS_S, self.guarded(self._diagnose), clock=self._steady_clock)
        self._held.callback(self.destroy_timer, diagnose)
        self._instruct(settings.instruction)
        self.get_logger().info(f"agreed on {source.embodiment.name} with {settings.checkpoint or settings.server}")

    def activate(self) -> None:
        self._reporter.fault = None
        if not self._loop.start(self.now()):
            raise UsageError("The loop cannot start: release the emergency stop first.")
        self._add_timer(self._contract.control_rate_hz, self._tick)
        if self._outputs.streamed:
            self._add_timer(self._contract.execution.output_rate_hz, self._send)

    def deactivate(self) -> None:
        if self._loop is None or not self._timers_of_activity:
            return
        while self._timers_of_activity:
            self.destroy_timer(self._timers_of_activity.pop())
        self._action.interrupt("deactivated")
        self._come_to_rest()
        self._reporter.rest()

    def cleanup(self) -> None:
        self._held.close()
        self._loop = None

    def failed(self, error: Exception) -> None:
        """Something in this node broke: the robot comes to rest; only a new activation goes on."""
        if self._loop is None:
            return
        fault = f"{type(error).__name__}: {error}"
        while self._timers_of_activity:
            self.destroy_timer(self._timers_of_activity.pop())
        self._action.interrupt(fault)
        self._loop.stop(self.now(), fault, Reason.NODE_FAILED)
        self._send()
        self._reporter.tell_fault(fault, self._loop.state, self.now())

    def now(self) -> Instant:
        """This instant, on both clocks."""
        return Instant(time.monotonic(), 1e-9 * self.get_clock().now().nanoseconds)

    def _add_timer(self, rate_hz: float, callback: Any) -> None:
        timer = self.create_timer(1.0 / rate_hz, self.guarded(callback), clock=self._steady_clock)
        self._timers_of_activity.append(timer)

    def _tick(self) -> None:
        now = self.now()
        report = self._loop.tick(now)
        self._send()
        self._reporter.tell(report, now, self._instruction)
        self._action.step()

    def _send(self) -> None:
        now = self.now()
        self._outputs.send(self._loop.commands(now), now.stamp_s)

    def _diagnose(self) -> None:
        self._reporter.diagnose(self.now())

    def _come_to_rest(self) -> None:
        """Send commands until the robot was told to be at rest: no timer does it any more."""
        now = self.now()
        self._loop.deactivate(now, "the node was deactivated")
        self._reporter.tell(self._loop.tick(now), now, "")
        until = time.monotonic() + REST_S
        while True:
            self._send()
            if self._loop.at_rest:
                return
            if time.monotonic() > until:
                self.get_logger().error(f"The robot was not at rest {REST_S:g} s after deactivation.")
                return
            time.sleep(1.0 / self._contract.execution.output_rate_hz)

    def _instruct(self, instruction: str) -> None:
        self._instruction = instruction
        self._loop.instruct(instruction)

    def _begin(self, instruction: str) -> bool:
        """Go on with an instruction; whether the robot is under way now."""
        self._instruct(instruction)
        self._loop.start(self.now())
        return self._loop.state not in (SafetyState.STOPPED, SafetyState.INACTIVE)

    def _end(self, detail: str) -> None:
        self._loop.stop(self.now(), detail)
        self._send()

    def _serve(self) -> None:
        """The services that an operator has besides the lifecycle."""

        def instruct(request: Any, response: Any) -> Any:
            self._instruct(request.instruction)
            response.success = True
            return response

        def start(request: Any, response: Any) -> Any:
            active = bool(self._timers_of_activity)
            response.success = active and self._loop.start(self.now())
            response.message = "" if response.success else "it runs already, is not active, or is stopped by hand"
            return response

        def stop(request: Any, response: Any) -> Any:
            response.success = self._loop.stop(self.now(), "asked for by ~/stop")
            self._send()
            return response

        for kind, name, callback in (
            (SetInstruction, "~/set_instruction", instruct),
            (Trigger, "~/start", start),
            (Trigger, "~/stop", stop),
        ):
            self._held.callback(partial(self.destroy_service, self.create_service(kind, name, callback)))


def _close(node: PolicyNode) -> None:
    node.deactivate()
    node.cleanup()


def main() -> None:
    """The executable."""
    run(PolicyNode, _close)


if __name__ == "__main__":
    main()
