"""Everything that a policy node tells: status, diagnostics, chunks taken and refused, expected frames."""

from __future__ import annotations

from collections import Counter
from functools import singledispatchmethod

from diagnostic_msgs.msg import DiagnosticArray

from cosmos_policy_interfaces.msg import ActionChunk as ActionChunkMessage
from cosmos_policy_interfaces.msg import PolicyStatus, RejectedChunk
from embodiments import Embodiment
from ros2_nodes.contract import RobotContract
from ros2_nodes.conversions.chunks import ChunkWriter
from ros2_nodes.conversions.stamps import to_stamp
from ros2_nodes.conversions.status import Progress, to_status
from ros2_nodes.loop import ChunkAdmitted, ChunkRejected, Instant, StateChanged, TickReport
from ros2_nodes.nodes.diagnostics import Figures, to_diagnostics
from ros2_nodes.nodes.expected_frames import ExpectedFrames
from ros2_nodes.nodes.guarded import GuardedLifecycleNode
from ros2_nodes.nodes.inputs import Inputs
from ros2_nodes.nodes.outputs import Outputs
from ros2_nodes.nodes.rates import Rates
from ros2_nodes.reasons import Reason
from ros2_nodes.safety.states import SafetyState

WARN_AGAIN_S = 5.0


class Reporter:
    """Publishes what the loop's reports say; counts since it was made."""

    def __init__(
        self,
        node: GuardedLifecycleNode,
        contract: RobotContract,
        embodiment: Embodiment,
        inputs: Inputs,
        outputs: Outputs,
    ) -> None:
        self._node, self._inputs, self._outputs = node, inputs, outputs
        self._hardware, self._write_chunk = embodiment.name, ChunkWriter(embodiment)
        self._control_period_ms = 1e3 * contract.control_period_s
        self._inference_period_ms = 1e3 * contract.execution.execution_horizon / embodiment.fps
        self._status = node.create_publisher(PolicyStatus, "~/status", 10)
        self._chunks = node.create_publisher(ActionChunkMessage, "~/predicted_chunk", 10)
        self._rejected = node.create_publisher(RejectedChunk, "~/rejected_chunk", 10)
        self._diagnostics = node.create_publisher(DiagnosticArray, "/diagnostics", 10)
        self._frames = ExpectedFrames(node)
        self._received, self._sent = Rates(), Rates()
        self._limits_hit: Counter[str] = Counter()
        self._valid_until_s = 0.0
        self._last_tick_s: float | None = None
        self._longest_tick_ms = 0.0
        self._warned_s = float("-inf")
        self.report: TickReport | None = None
        """Of the last tick; None while the node is not active."""
        self.status = PolicyStatus()
        """As last published."""
        self.chunks = 0
        self.fault: str | None = None

    def tell(self, report: TickReport, now: Instant, instruction: str) -> None:
        """Publish one tick."""
        if self._last_tick_s is not None:
            self._longest_tick_ms = max(self._longest_tick_ms, 1e3 * (now.steady_s - self._last_tick_s))
        self._last_tick_s, self.report = now.steady_s, report
        for event in report.events:
            self._tell_event(event)
        progress = Progress(
            instruction=instruction,
            chunks=self.chunks,
            commands=sum(self._outputs.sent.values()),
            chunk_remaining_s=max(self._valid_until_s - now.stamp_s, 0.0),
            inference_period_ms=self._inference_period_ms,
        )
        self.status = to_status(report, progress, now.stamp_s)
        self._status.publish(self.status)
        self._frames.show(now.stamp_s)
        if report.inference_too_slow and now.steady_s - self._warned_s > WARN_AGAIN_S:
            self._warned_s = now.steady_s
            self._node.get_logger().warning(
                f"Inference takes {report.inference_ms:.0f} ms, longer than the actions of a chunk last that have to "
                "bridge it: the robot will pause between chunks."
            )
        if any(isinstance(event, StateChanged) for event in report.events):
            self.diagnose(now)

    def diagnose(self, now: Instant) -> None:
        """Publish /diagnostics."""
        figures = Figures(
            received=self._inputs.received,
            received_hz=self._received.since_last(self._inputs.received, now.steady_s),
            sent_hz=self._sent.since_last(self._outputs.sent, now.steady_s),
            mismatches=[*self._inputs.mismatches.values(), *self._outputs.mismatches.values()],
            unheard=self._outputs.unheard(),
            limits_hit=self._limits_hit,
            chunks=self.chunks,
            inference_period_ms=self._inference_period_ms,
            longest_tick_ms=self._longest_tick_ms,
            control_period_ms=self._control_period_ms,
            fault=self.fault,
        )
        self._longest_tick_ms = 0.0
        name = self._node.get_fully_qualified_name()
        self._diagnostics.publish(to_diagnostics(name, self._hardware, self.report, figures, now.stamp_s))

    def tell_fault(self, fault: str, state: SafetyState, now: Instant) -> None:
        """Something in the node broke: say so at once, and in all diagnostics from now on."""
        self.fault = fault
        self.status.state, self.status.reasons = state.value, [f"{Reason.NODE_FAILED.value}: {fault}"]
        self.status.header.stamp = to_stamp(now.stamp_s)
        self._status.publish(self.status)
        self.diagnose(now)

    def rest(self) -> None:
        """No ticks for now."""
        self.report, self._last_tick_s = None, None

    def close(self) -> None:
        """Take the publishers back."""
        for publisher in (self._status, self._chunks, self._rejected, self._diagnostics, self._frames.publisher):
            self._node.destroy_publisher(publisher)

    @singledispatchmethod
    def _tell_event(self, event) -> None:
        raise TypeError(f"no words for {type(event).__name__}")

    @_tell_event.register
    def _(self, event: ChunkAdmitted) -> None:
        self.chunks += 1
        self._limits_hit.update(reason.value for reason in event.limits_hit)
        self._valid_until_s = event.chunk.valid_until
        self._frames.follow(event.chunk)
        self._chunks.publish(
            self._write_chunk(
                event.chunk,
                number=self.chunks,
                instruction=event.request.instruction or "",
                prefix_length=event.prefix_steps,
                inference_ms=event.latency_ms,
            )
        )

    @_tell_event.register
    def _(self, event: ChunkRejected) -> None:
        message = RejectedChunk(reasons=[str(cause) for cause in event.causes])
        message.header.stamp = to_stamp(event.request.observation.stamp)
        if event.chunk is not None:
            message.chunk = [self._write_chunk(event.chunk, instruction=event.request.instruction or "")]
        self._rejected.publish(message)
        self._node.get_logger().warning(f"A chunk was refused: {'; '.join(message.reasons)}")

    @_tell_event.register
    def _(self, event: StateChanged) -> None:
        causes = "; ".join(str(cause) for cause in event.causes)
        text = f"{event.before.value} -> {event.after.value}" + (f": {causes}" if causes else "")
        log = self._node.get_logger()
        # One line each: rclpy refuses a call whose severity changes.
        if event.after is SafetyState.STOPPED:
            log.error(text)
        elif event.after is SafetyState.HOLD:
            log.warning(text)
        else:
            log.info(text)
