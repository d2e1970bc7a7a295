"""How chunks are executed, what holds and stops the robot, and when the model's picture of the world is doubted."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from ros2_nodes.contract.base import NotNegative, Part, Positive


class ExecutionSettings(Part):
    """execution_horizon: actions executed of each chunk before the next one takes over.
    prefix: whether the model is told the actions that will run while it computes (real-time chunking).
    blend_ms: over this time a chunk that was told nothing, or came too late for it, fades in; 0 follows it at once (the
    motion is continuous all the same).
    lead_ms: a chunk for stamped trajectories takes over so long after its sending, and the trajectory says what is done
    until then: under way for a shorter time, a message may be late and nobody notices.
    max_replan_rate_hz: never ask more often. output_rate_hz: of streamed positions, poses and twists.
    inference_ms: what the first call is expected to take; afterwards it is measured.
    deadline_ms: an answer that takes longer holds the robot."""

    execution_horizon: Annotated[int, Field(ge=1)]
    prefix: bool = True
    blend_ms: NotNegative = 200.0
    lead_ms: NotNegative = 100.0
    max_replan_rate_hz: Positive = 10.0
    output_rate_hz: Positive = 100.0
    inference_ms: Positive = 300.0
    deadline_ms: Positive = 2000.0


class SafetySettings(Part):
    """start_tolerance: largest distance of the first action from the present position (rad or m; turns of poses too).
    start_ramp_s: over this time speeds grow from a tenth of the limits to the limits.
    jump_tolerance: largest distance of a new chunk from the motion that it takes over (rad or m).
    tracking_tolerance: largest distance between commanded and measured position (rad or m).
    hold_limit_s: a hold that lasts longer stops. max_slowdown: a chunk that would have to run slower than this many
    times is refused. max_clock_jump_ms: between the stamp clock and the steady clock, from one tick to the next."""

    start_tolerance: Positive
    start_ramp_s: NotNegative = 1.0
    jump_tolerance: Positive
    tracking_tolerance: Positive
    hold_limit_s: Positive = 10.0
    max_slowdown: Annotated[float, Field(ge=1.0)] = 5.0
    max_clock_jump_ms: Positive = 50.0


class DriftSettings(Part):
    """The predicted frames are compared with the cameras. hold_below: similarity (-1 to 1, 1 is equal) under which the
    robot holds, or left out: then it is only published. patience: frames in a row under it."""

    enabled: bool = False
    hold_below: Annotated[float, Field(ge=-1.0, le=1.0)] | None = None
    patience: Annotated[int, Field(ge=1)] = 3
