"""``~/run_instruction``: follow one instruction, tell how it goes, and say why it ended."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from rclpy.action import ActionServer, CancelResponse, GoalResponse
from rclpy.task import Future

from cosmos_policy_interfaces.action import RunInstruction
from ros2_nodes.nodes.guarded import GuardedLifecycleNode
from ros2_nodes.nodes.reporting import Reporter
from ros2_nodes.safety.states import SafetyState

FEEDBACK_S = 0.2
#: How long a goal waits for a robot that still comes to rest.
START_S = 3.0


@dataclass
class _Run:
    goal: Any
    ended: Future
    began_s: float
    chunks: int
    commands: int
    started: bool = False
    told_s: float = -math.inf


class InstructionAction:
    """One goal at a time; a new one takes the place of the old.

    begin: starts the robot on an instruction, and tells whether it could; it cannot while the robot still comes to rest
    or is stopped by hand. end: brings it to rest, with the reason. Both are called in the executor's thread.
    """

    def __init__(
        self,
        node: GuardedLifecycleNode,
        reporter: Reporter,
        begin: Callable[[str], bool],
        end: Callable[[str], None],
        steady_s: Callable[[], float],
    ) -> None:
        self._node, self._reporter, self._begin, self._end, self._steady_s = node, reporter, begin, end, steady_s
        self._run: _Run | None = None
        self._server = ActionServer(
            node,
            RunInstruction,
            "~/run_instruction",
            execute_callback=lambda goal: None,  # each goal brings its own (see _accept)
            goal_callback=self._judge,
            handle_accepted_callback=self._accept,
            cancel_callback=lambda goal: CancelResponse.ACCEPT,
        )

    def step(self) -> None:
        """Call it after every tick: feedback, and the ways in which a run ends."""
        run, report = self._run, self._reporter.report
        if run is None or report is None:
            return
        elapsed = self._steady_s() - run.began_s
        limit = run.goal.request.time_limit_s
        if run.goal.is_cancel_requested:
            self._end("the run was cancelled")
            self._finish("cancelled")
        elif not run.started and elapsed < START_S:
            run.started = self._begin(run.goal.request.instruction)
        elif report.state in (SafetyState.STOPPED, SafetyState.INACTIVE):
            self._finish("; ".join(str(cause) for cause in report.causes) or report.state.value)
        elif limit > 0.0 and elapsed >= limit:
            self._end("the run's time is up")
            self._finish("time_limit")
        elif elapsed - run.told_s >= FEEDBACK_S:
            run.told_s = elapsed
            run.goal.publish_feedback(RunInstruction.Feedback(status=self._reporter.status, elapsed_s=elapsed))

    def interrupt(self, reason: str) -> None:
        """End the present run, if there is one, with this reason."""
        if self._run is not None:
            self._finish(reason)

    def close(self) -> None:
        """Take the server back."""
        self.interrupt("deactivated")
        self._server.destroy()

    def _judge(self, request: RunInstruction.Goal) -> GoalResponse:
        limit = request.time_limit_s
        if not (math.isfinite(limit) and limit >= 0.0):
            self._node.get_logger().error(f"time_limit_s is {limit}; expected seconds, 0 (no limit) or more.")
            return GoalResponse.REJECT
        if self._reporter.report is None:
            self._node.get_logger().error("An instruction can be run while the node is active only: activate it.")
            return GoalResponse.REJECT
        return GoalResponse.ACCEPT

    def _accept(self, goal: Any) -> None:
        self.interrupt("replaced")
        status = self._reporter.status
        self._run = _Run(goal, Future(), self._steady_s(), status.chunks, status.commands)
        run = self._run
        run.started = self._begin(goal.request.instruction)

        async def execute(goal: Any) -> RunInstruction.Result:
            return await self._conclude(run)

        goal.execute(execute)

    async def _conclude(self, run: _Run) -> RunInstruction.Result:
        reason = await run.ended
        if self._run is run:
            self._run = None
        status = self._reporter.status
        {"time_limit": run.goal.succeed, "cancelled": run.goal.canceled}.get(reason, run.goal.abort)()
        return RunInstruction.Result(
            success=reason == "time_limit",
            reason=reason,
            chunks=max(status.chunks - run.chunks, 0),
            commands=max(status.commands - run.commands, 0),
            duration_s=self._steady_s() - run.began_s,
        )

    def _finish(self, reason: str) -> None:
        run, self._run = self._run, None
        run.ended.set_result(reason)
