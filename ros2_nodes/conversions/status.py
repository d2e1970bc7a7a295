"""What the loop tells after a tick, as a status message."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cosmos_policy_interfaces.msg import PolicyStatus
from ros2_nodes.conversions.stamps import to_stamp
from ros2_nodes.loop.report import TickReport


@dataclass(frozen=True)
class Progress:
    """What a node counts since it was activated. chunk_remaining_s: how much of the plan is left;
    inference_period_ms: how long a plan lasts until the next answer is needed."""

    instruction: str
    chunks: int
    commands: int
    chunk_remaining_s: float
    inference_period_ms: float


def to_status(report: TickReport, progress: Progress, stamp_s: float) -> PolicyStatus:
    """The message; NaN stands for what was not measured."""
    message = PolicyStatus(
        state=report.state.value,
        reasons=list(dict.fromkeys(str(cause) for cause in (*report.causes, *report.refusals))),
        instruction=progress.instruction,
        chunks=progress.chunks,
        commands=progress.commands,
        chunk_remaining_s=progress.chunk_remaining_s,
        inference_ms=math.nan if report.inference_ms is None else report.inference_ms,
        inference_period_ms=progress.inference_period_ms,
        drift_score=math.nan if report.drift is None else report.drift,
        drop_reasons=list(report.counts),
        drop_counts=list(report.counts.values()),
    )
    message.header.stamp = to_stamp(stamp_s)
    return message
