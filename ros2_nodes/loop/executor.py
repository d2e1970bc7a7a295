"""The motion under way: how a chunk takes it over, how it is brought to rest, and what of it the model is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cosmos_policy.types import ActionChunk
from embodiments import Embodiment, EmbodimentError
from embodiments.commands import check_commands, encode_commands
from embodiments.reading import InstantReader
from ros2_nodes.commanding.axes import Axes, Charts, ChunkRefused
from ros2_nodes.commanding.path_check import path_causes
from ros2_nodes.contract import JointOutput, PoseOutput, RobotContract
from ros2_nodes.execution import ChunkTimeline, Knots, Motion, Start
from ros2_nodes.reasons import Cause, Reason
from ros2_nodes.safety import (
    Admitted,
    Rejected,
    SafetyFilter,
    StandstillCheck,
    StartGate,
    jump_causes,
    tracking_causes,
)

Measured = Mapping[str, np.ndarray]

_HISTORY_S = 0.3
"""How long ago a measurement may be made that is compared with what was commanded, and a trajectory may begin."""


class MotionExecutor:
    """Holds one :class:`Motion`, or none while nothing was commanded yet. Steady seconds throughout."""

    def __init__(self, contract: RobotContract, embodiment: Embodiment) -> None:
        self._contract, self._embodiment = contract, embodiment
        self.step_s = 1.0 / embodiment.fps
        self.axes = Axes(contract)
        self.filter = SafetyFilter(self.axes.limits, contract.safety.max_slowdown)
        self._timeline = ChunkTimeline(self.step_s, contract.execution.blend_ms / 1e3)
        self.lead_s = lead_s(contract)
        safety = contract.safety
        self._standstill = StandstillCheck(safety.tracking_tolerance)
        self._gate = StartGate(self.axes.limits.names, safety.start_tolerance, safety.start_ramp_s)
        self.motion: Motion | None = None

    def reset(self) -> None:
        """Forget the motion: the next one sets out from where the robot is measured."""
        self.motion = None
        self._gate.close()
        self._standstill.forget()

    def hold(self, now_s: float) -> None:
        """Brake along the path; the next motion sets out softly."""
        if self.motion is not None:
            self.motion = self.filter.stopped(self.motion, now_s)
        self._gate.close()

    def moves(self, now_s: float) -> bool:
        return self.motion is not None and not self.motion.rests(now_s)

    def tracking(self, measured: Measured, when_s: float) -> tuple[Cause, ...]:
        """Whether the robot, measured at `when_s`, was where it was told to be."""
        if self.motion is None:
            return ()
        told = self._told_at(when_s)
        here = self.axes.measured(measured, self.motion.chart)
        far = tracking_causes(here, told, self.axes.limits.names, self._contract.safety.tracking_tolerance)
        return far or self._standstill.causes(self.axes.raw(measured), when_s, self._told_at)

    def prefix(self, state: Mapping[str, np.ndarray], stamp_s: float, steps: int) -> np.ndarray | None:
        """The next `steps` actions of the motion under way, unified [steps, D], as the model would have to say them to
        mean the same from the state observed at `stamp_s`; None where nothing moves then."""
        if steps < 1 or not self.moves(stamp_s):
            return None
        due = self._timeline.due_times(stamp_s, steps)
        told = self.axes.to_commands(self.motion.at(due).position, self.motion.chart) | self.motion.passengers_at(due)
        reader, now = InstantReader(state), {}
        for block in self._embodiment.pose_blocks:
            now |= block.present(reader)
        return encode_commands(self._embodiment, check_commands(self._embodiment, told), now)

    def admit(
        self, chunk: ActionChunk, stamp_s: float, prefix_steps: int, measured: Measured, now_s: float
    ) -> Admitted | Rejected:
        """Let a chunk take over after the lead, or say why not. stamp_s: of its observation. prefix_steps: rows it was
        told. measured: where the robot is, for the first motion."""
        from_s = now_s + self.lead_s
        start, charts = self._set_out(measured, from_s)
        try:
            knots = self._knots(chunk, start, charts, stamp_s, prefix_steps, from_s)
        except ChunkRefused as refused:
            return Rejected((refused.cause,))
        except EmbodimentError as error:
            return Rejected((Cause(Reason.CHUNK_INCONSISTENT, str(error)),))
        if knots is None:
            late_ms = 1e3 * (from_s - stamp_s)
            return Rejected(
                (Cause(Reason.CHUNK_EXPIRED, f"nothing of it is left {late_ms:.0f} ms after its observation"),)
            )
        refused = self._far_away(knots, start, charts, from_s) + path_causes(
            self._contract, chunk.commands, self.step_s
        )
        if refused:
            return Rejected(refused)
        riding = {name: rows[0] for name, rows in knots.passengers.items()}
        if self.motion is not None:
            knots = self._timeline.blended(knots, self._under_way(knots.times_s, charts), from_s)
            riding = {name: rows[0] for name, rows in self.motion.passengers_at(np.array([from_s])).items()}
        admitted = self.filter.admit(
            knots, start, riding, from_s, charts, self._gate.share(from_s), lambda rows: self.axes.causes(rows, charts)
        )
        if isinstance(admitted, Rejected):
            return admitted
        motion = self._led(admitted.motion, start, riding, now_s)
        refused = self.filter.refusals(motion, now_s)
        if refused:
            return Rejected(refused)
        self.motion = motion
        self._gate.open(from_s)
        return replace(admitted, motion=motion)

    def _led(self, motion: Motion, start: Start, riding: Mapping[str, np.ndarray], now_s: float) -> Motion:
        """The motion with what leads to it: what is under way now, or standing."""
        if self.lead_s == 0.0:
            return motion
        if self.motion is None:
            return replace(motion, lead=Motion.standing(start.position, now_s, motion.chart, riding))
        return replace(motion, lead=self.motion.since(now_s - _HISTORY_S))

    def _told_at(self, when_s: float) -> np.ndarray:
        return self.motion.at(np.array([when_s])).position[0]

    def _set_out(self, measured: Measured, from_s: float) -> tuple[Start, Charts]:
        if self.motion is not None:
            return self.axes.take_over(self.motion, from_s)
        charts = self.axes.charts(measured)
        return Start.at_rest(self.axes.measured(measured, charts)), charts

    def _knots(
        self, chunk: ActionChunk, start: Start, charts: Charts, stamp_s: float, prefix_steps: int, from_s: float
    ) -> Knots | None:
        commands = check_commands(self._embodiment, chunk.commands)
        rows = len(chunk.unified)
        positions = self.axes.from_commands(chunk.commands, start.position, charts, rows)
        riding = {name: values for name, values in commands.items() if name not in self.axes.command_names}
        if prefix_steps:
            # What was told is done whatever came back: a normaliser may have clipped it on the way.
            due = self._timeline.due_times(stamp_s, prefix_steps)
            positions = np.concatenate([self._under_way(due, charts), positions[prefix_steps:]])
            told = self.motion.passengers_at(due)
            riding = {name: np.concatenate([told[name], values[prefix_steps:]]) for name, values in riding.items()}
        return self._timeline.ahead(stamp_s, positions, riding, from_s, prefix_steps, self._resting_since(from_s))

    def _resting_since(self, from_s: float) -> float | None:
        if self.axes.limits.num_axes == 0:
            return None  # who follows a path moves by itself
        if self.motion is None:
            return -np.inf
        return self.motion.rest_s if self.motion.rests(from_s) else None

    def _far_away(self, knots: Knots, start: Start, charts: Charts, from_s: float) -> tuple[Cause, ...]:
        if not self.moves(from_s):
            return self._gate.causes(knots.positions[0], start.position)
        first = self._under_way(knots.times_s[:1], charts)[0]
        names, tolerance = self.axes.limits.names, self._contract.safety.jump_tolerance
        return jump_causes(knots.positions[0], first, names, tolerance)

    def _under_way(self, times_s: np.ndarray, charts: Charts) -> np.ndarray:
        """Where the motion under way is at these times, [K, N], in other charts."""
        return self.axes.moved_positions(self.motion.at(times_s).position, self.motion.chart, charts)


def lead_s(contract: RobotContract) -> float:
    """How long after its sending a chunk takes over: 0 where anything that moves is commanded for now."""
    moving = [output for output in contract.outputs.values() if isinstance(output, (JointOutput, PoseOutput))]
    stamped = bool(moving) and all(isinstance(output, JointOutput) and output.stamped for output in moving)
    return contract.execution.lead_ms / 1e3 if stamped else 0.0
