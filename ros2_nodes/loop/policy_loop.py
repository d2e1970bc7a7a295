"""The tick: look, ask the model ahead of need, judge, command. All time is given from outside."""

from __future__ import annotations

from collections.abc import Callable

from cosmos_policy.client.connection import ServerRefusal
from cosmos_policy.errors import UsageError
from cosmos_policy.types import ActionChunk, PolicyRequest
from embodiments import Embodiment, EmbodimentError
from ros2_nodes.commanding.records import Command
from ros2_nodes.commanding.writer import CommandWriter
from ros2_nodes.contract import RobotContract
from ros2_nodes.drift import DriftMonitor
from ros2_nodes.execution import Inference
from ros2_nodes.loop.clocks import ClockWatch
from ros2_nodes.loop.executor import MotionExecutor
from ros2_nodes.loop.instant import Instant
from ros2_nodes.loop.questions import Questions
from ros2_nodes.loop.report import ChunkAdmitted, ChunkRejected, Event, StateChanged, TickReport
from ros2_nodes.observing import Refusal, Sample, Sampler, Snapshot
from ros2_nodes.reasons import Cause, Reason, ReasonCounter
from ros2_nodes.safety import (
    HandStops,
    MeasurementCheck,
    Rejected,
    SafetyState,
    SafetyStates,
    Watchdog,
    chunk_causes,
)

_GARBAGE = (Reason.NOT_FINITE, Reason.CHUNK_INCONSISTENT)
"""Answers that say more about the server than about one chunk: the robot holds."""


class PolicyLoop:
    """One robot under one policy. Not thread-safe: one executor thread calls it.

    contract: as read by `load_contract`. embodiment: as returned by `check_against`. inference: where questions go.
    seed: of the first question; each next one gets the next number.
    """

    def __init__(self, contract: RobotContract, embodiment: Embodiment, inference: Inference, seed: int = 0) -> None:
        self._embodiment = embodiment
        self._sampler = Sampler(contract)
        self._clocks = ClockWatch(contract.safety.max_clock_jump_ms)
        self._executor = MotionExecutor(contract, embodiment)
        self._questions = Questions(contract.execution, embodiment, inference, seed, self._executor.lead_s)
        self._writer = CommandWriter(contract, self._executor.axes, self._executor.step_s)
        self._watchdog = Watchdog(contract.control_period_s, contract.safety.hold_limit_s)
        self._hand_stops = HandStops(contract.stops)
        self._measurements = MeasurementCheck(self._executor.axes.limits)
        self._drift = DriftMonitor(contract.drift, embodiment)
        self._states = SafetyStates()
        self._counter = ReasonCounter()
        self._events: list[Event] = []
        self._snapshot: Snapshot | None = None
        self._motion_changed = False
        self._last_s = 0.0
        self._rejection: tuple[Cause, ...] = ()

    # What comes in ----------------------------------------------------------------------------------------------------

    def receive(self, stream: str, sample: Sample) -> None:
        """The newest message of a stream. Cheap: it is decoded when it is sampled."""
        self._sampler.buffers[stream].put(sample)

    def instruct(self, instruction: str) -> None:
        """What to do from the next question on; "" takes the embodiment's own, or none (then the robot holds)."""
        self._questions.instruct(instruction)

    def press_emergency_stop(self, pressed: bool, now: Instant) -> None:
        """The state of the emergency stop; True stops at once."""
        self._hand_stops.press(pressed)
        self._judge((), now)

    def hold_deadman(self, held: bool, now: Instant) -> None:
        """A message of the deadman; False holds at once, silence holds after its max_age_ms."""
        self._hand_stops.hold(held, now.steady_s)
        self._judge((), now)

    def start(self, now: Instant) -> bool:
        """Begin (from inactive or stopped); False where the state, a pressed emergency stop, or a robot that has not
        come to rest forbids it."""
        before = self._states.state
        if self._hand_stops.pressed or self._executor.moves(now.steady_s) or not self._states.start(now.steady_s):
            return False
        self._executor.reset()
        self._writer.forget()
        self._measurements.forget()
        self._drift.forget()
        self._watchdog.start(now.steady_s)
        self._questions.give_up()
        self._snapshot = None
        self._events.append(StateChanged(before, self._states.state, ()))
        return True

    def stop(self, now: Instant, detail: str, reason: Reason = Reason.REQUESTED) -> bool:
        """Slow to rest on the planned path and hold there until `start`; False where nothing was under way."""
        return self._change(self._states.stop, (Cause(reason, detail),), now)

    def deactivate(self, now: Instant, detail: str) -> bool:
        """As `stop`; once the robot is at rest nothing more is sent."""
        return self._change(self._states.deactivate, (Cause(Reason.REQUESTED, detail),), now)

    # What goes out ----------------------------------------------------------------------------------------------------

    @property
    def state(self) -> SafetyState:
        return self._states.state

    @property
    def causes(self) -> tuple[Cause, ...]:
        """Why it holds or stands still."""
        return self._states.causes

    @property
    def at_rest(self) -> bool:
        """Whether nothing was commanded to move at the last tick or command: a shutdown waits for it."""
        return not self._executor.moves(self._last_s)

    def tick(self, now: Instant) -> TickReport:
        """Look and judge; call it `control_rate_hz` times a second."""
        self._last_s = now.steady_s
        clock = self._clocks.causes(now)
        if clock:
            self._sampler.clear()
            self._measurements.forget()
        seen = self._sampler.sample(now.stamp_s)
        refusals = clock or self._refusals(seen)
        self._snapshot = seen if isinstance(seen, Snapshot) and not refusals else None
        late = self._watchdog.late(now.steady_s)
        self._watchdog.ticked(refusals, now.steady_s)
        self._counter.add(refusals)
        drift = None if self._snapshot is None else self._drift.score(self._snapshot.observation)
        wrong = (*clock, *late, *self._wrong_with_motion(), *self._drift.causes(drift))
        self._judge(wrong, now)
        self._take_answer(now)
        asked = self._ask(now) if not wrong and not self._standing_causes(now) else None
        return self._report(now, refusals, asked, drift)

    def commands(self, now: Instant) -> tuple[Command, ...]:
        """What is to be sent now; call it `output_rate_hz` times a second and after every tick.

        Streamed outputs (positions, poses, twists) give one command each time; trajectories, paths and grippers only
        when they change."""
        self._last_s = now.steady_s
        self._judge((), now)
        self._take_answer(now)
        motion = self._executor.motion
        if motion is None:
            return ()
        going = self._states.state is SafetyState.RUNNING
        found = self._writer.whole(motion, now.steady_s, going) if self._motion_changed else []
        self._motion_changed = False
        found += self._writer.streamed(motion, now.steady_s)
        found += self._writer.grippers(motion, now.steady_s)
        if self._states.state is SafetyState.INACTIVE and motion.rests(now.steady_s):
            self._executor.reset()
        return tuple(found)

    # Judging ----------------------------------------------------------------------------------------------------------

    def _refusals(self, seen: Snapshot | Refusal) -> tuple[Cause, ...]:
        if isinstance(seen, Refusal):
            return seen.causes
        motion = self._executor.motion
        charts = self._executor.axes.charts(seen.measured) if motion is None else motion.chart
        positions = self._executor.axes.measured(seen.measured, charts)
        return self._measurements.causes(positions, seen.observation.stamp)

    def _wrong_with_motion(self) -> tuple[Cause, ...]:
        if self._snapshot is None:
            return ()
        when_s = self._clocks.steady(self._snapshot.observation.stamp)
        return self._executor.tracking(self._snapshot.measured, when_s)

    def _standing_causes(self, now: Instant) -> tuple[Cause, ...]:
        """What speaks against moving at this moment, whatever was seen."""
        found = (*self._watchdog.causes(now.steady_s), *self._hand_stops.released(now.steady_s))
        if not self._questions.instruction:
            found += (Cause(Reason.NO_INSTRUCTION, "there is no instruction: nothing is to be done"),)
        return found

    def _judge(self, wrong: tuple[Cause, ...], now: Instant) -> None:
        """Stop, hold, or neither."""
        now_s = now.steady_s
        ended = self._states.state is SafetyState.RUNNING and not self._executor.moves(now_s)
        stop = self._hand_stops.emergency()
        if self._states.state is SafetyState.HOLD:
            stop += self._watchdog.held_too_long(self._states.since_s, now_s)
        hold = (*wrong, *self._standing_causes(now), *self._questions.late(now_s))
        if ended:
            hold += (Cause(Reason.MOTION_ENDED, "the last action is executed and no next chunk is there"),)
        if stop:
            self._change(self._states.stop, (*stop, *hold), now)
        elif hold:
            self._change(self._states.hold, hold, now)

    def _change(
        self, change: Callable[[tuple[Cause, ...], float], bool], causes: tuple[Cause, ...], now: Instant
    ) -> bool:
        """Go to a state in which nothing new is begun: the motion is braked and open questions count no more."""
        before = self._states.state
        if not change(causes, now.steady_s):
            return False
        self._executor.hold(now.steady_s)
        self._motion_changed = self._executor.motion is not None
        self._questions.give_up()
        self._drift.forget()
        self._counter.add(causes)
        self._events.append(StateChanged(before, self._states.state, causes))
        return True

    # Asking -----------------------------------------------------------------------------------------------------------

    def _ask(self, now: Instant) -> PolicyRequest | None:
        """Ask for the next chunk where it is time, something is seen, and nobody is being asked."""
        state = self._states.state
        if state not in (SafetyState.STARTING, SafetyState.RUNNING, SafetyState.HOLD) or self._snapshot is None:
            return None
        if state is SafetyState.HOLD and self._executor.moves(now.steady_s):
            return None
        if not self._questions.due(now.steady_s):
            return None
        observation = self._snapshot.observation
        stamp_s = self._clocks.steady(observation.stamp)
        prefix = self._executor.prefix(observation.state, stamp_s, self._questions.prefix_steps)
        if self._states.causes != self._rejection:
            self._states.note_nothing()
        return self._questions.ask(observation, stamp_s, prefix, self._drift.wants_video, now.steady_s)

    def _take_answer(self, now: Instant) -> None:
        found = self._questions.answered(now.steady_s)
        if found is None:
            return
        question, answer = found
        if answer.error is not None:
            self._failed(question.request, answer.error, now)
            return
        causes = chunk_causes(answer.chunk, question.request, self._embodiment)
        if causes:
            self._rejected(question.request, answer.chunk, causes, now)
            return
        if self._executor.motion is None and self._snapshot is None:
            return  # refused streams hold already; a first motion needs to know where the robot is
        measured = {} if self._snapshot is None else self._snapshot.measured
        taken = self._executor.admit(answer.chunk, question.stamp_s, question.prefix_steps, measured, now.steady_s)
        if isinstance(taken, Rejected):
            self._rejected(question.request, answer.chunk, taken.causes, now)
            return
        self._motion_changed = True
        self._drift.expect(answer.chunk, taken.slowdown)
        told = (taken.slowdown, taken.limits_hit, self._questions.inference_ms, question.prefix_steps)
        self._events.append(ChunkAdmitted(answer.chunk, question.request, *told))
        before = self._states.state
        if self._states.run(now.steady_s):
            self._events.append(StateChanged(before, self._states.state, ()))

    def _failed(self, request: PolicyRequest, error: Exception, now: Instant) -> None:
        """Wrong use is what a server of another robot answers; a refusal of this one question is none of a failure."""
        detail = f"{type(error).__name__}: {error}"
        if isinstance(error, (UsageError, EmbodimentError)):
            causes = (Cause(Reason.CONTRACT_CHANGED, detail),)
            self._change(self._states.stop, causes, now)
        else:
            causes = (Cause(Reason.INFERENCE_FAILED, detail),)
            if isinstance(error, ServerRefusal) and self._states.state is SafetyState.RUNNING:
                self._counter.add(causes)
            else:
                self._change(self._states.hold, causes, now)
        self._rejection = causes
        self._questions.pause(now.steady_s)
        self._events.append(ChunkRejected(None, request, causes))

    def _rejected(self, request: PolicyRequest, chunk: ActionChunk, causes: tuple[Cause, ...], now: Instant) -> None:
        self._counter.add(causes)
        self._rejection = causes
        self._events.append(ChunkRejected(chunk, request, causes))
        reasons = {cause.reason for cause in causes}
        if Reason.CONTRACT_CHANGED in reasons:
            self._change(self._states.stop, causes, now)
        elif reasons & set(_GARBAGE) or self._states.state is SafetyState.STARTING:
            self._change(self._states.hold, causes, now)
        else:
            self._questions.ask_soon()

    def _report(
        self, now: Instant, refusals: tuple[Cause, ...], asked: PolicyRequest | None, drift: float | None
    ) -> TickReport:
        events, self._events = tuple(self._events), []
        return TickReport(
            state=self._states.state,
            causes=self._states.causes,
            observation=None if self._snapshot is None else self._snapshot.observation,
            refusals=refusals,
            asked=asked,
            events=events,
            ages_ms=self._sampler.ages_ms(now.stamp_s),
            drift=drift,
            measured={} if self._snapshot is None else self._snapshot.measured,
            inference_ms=self._questions.inference_ms,
            inference_too_slow=self._questions.too_slow,
            counts=self._counter.counts(),
        )
