"""``/diagnostics``: is it well, and if not, why not?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from ros2_nodes.conversions.stamps import to_stamp
from ros2_nodes.loop import TickReport
from ros2_nodes.safety.states import SafetyState

LEVELS = {
    SafetyState.INACTIVE: DiagnosticStatus.OK,
    SafetyState.STARTING: DiagnosticStatus.WARN,
    SafetyState.RUNNING: DiagnosticStatus.OK,
    SafetyState.HOLD: DiagnosticStatus.WARN,
    SafetyState.STOPPED: DiagnosticStatus.ERROR,
}


@dataclass(frozen=True)
class Figures:
    """What a node measured besides the tick's report.

    received: stream -> messages since configuration. received_hz, sent_hz: stream or output -> messages a second since
    the last diagnostics. mismatches: sentences on qualities of service. unheard: outputs without a listener.
    limits_hit: reason -> chunks slowed or clamped because of it. inference_period_ms: how long a plan lasts until the
    next answer is needed. longest_tick_ms: the longest time between two ticks since the last diagnostics.
    """

    received: Mapping[str, int]
    received_hz: Mapping[str, float]
    sent_hz: Mapping[str, float]
    mismatches: Iterable[str]
    unheard: Iterable[str]
    limits_hit: Mapping[str, int]
    chunks: int
    inference_period_ms: float
    longest_tick_ms: float
    control_period_ms: float
    fault: str | None = field(default=None)
    """What broke in the node itself."""


def to_diagnostics(
    node: str, hardware: str, report: TickReport | None, told: Figures, stamp_s: float
) -> DiagnosticArray:
    """Three entries: motion, observations, inference. report: of the last tick; None while there are no ticks."""
    message = DiagnosticArray()
    message.header.stamp = to_stamp(stamp_s)
    entries = (_motion(report, told), _observations(report, told), _inference(report, told))
    for name, (level, text, values) in zip(("motion", "observations", "inference"), entries, strict=True):
        message.status.append(
            DiagnosticStatus(
                name=f"{node}: {name}",
                hardware_id=hardware,
                level=level,
                message=text,
                values=[KeyValue(key=key, value=_text(value)) for key, value in values.items()],
            )
        )
    return message


def _motion(report: TickReport | None, told: Figures) -> tuple[bytes, str, dict]:
    state = SafetyState.INACTIVE if report is None else report.state
    causes = [] if report is None else [str(cause) for cause in report.causes]
    values = {"state": state.value, **{f"reason {n}": cause for n, cause in enumerate(causes, 1)}}
    values |= {f"sent {name}, Hz": rate for name, rate in told.sent_hz.items()}
    values |= {f"limit hit {name}, chunks": count for name, count in told.limits_hit.items()}
    values |= {"longest tick, ms": told.longest_tick_ms, "control period, ms": told.control_period_ms}
    if told.fault is not None:
        return DiagnosticStatus.ERROR, f"broken: {told.fault}", values
    text = "; ".join((state.value, *causes))
    unheard = list(told.unheard)
    if unheard and state is not SafetyState.INACTIVE:
        return max(LEVELS[state], DiagnosticStatus.WARN), f"{text}; nobody listens to {', '.join(unheard)}", values
    return LEVELS[state], text, values


def _observations(report: TickReport | None, told: Figures) -> tuple[bytes, str, dict]:
    values = {f"received {name}, Hz": rate for name, rate in told.received_hz.items()}
    values |= {f"received {name}, messages": count for name, count in told.received.items()}
    mismatches = list(told.mismatches)
    if report is not None:
        values |= {f"age {name}, ms": age for name, age in report.ages_ms.items()}
        values |= {f"refused {reason}": count for reason, count in report.counts.items()}
        if report.refusals:
            return DiagnosticStatus.WARN, "; ".join([*map(str, report.refusals), *mismatches]), values
    if mismatches:
        return DiagnosticStatus.ERROR, "; ".join(mismatches), values
    return DiagnosticStatus.OK, "nothing is looked at" if report is None else "complete and fresh", values


def _inference(report: TickReport | None, told: Figures) -> tuple[bytes, str, dict]:
    values = {"chunks": told.chunks, "period, ms": told.inference_period_ms}
    if report is None or report.inference_ms is None:
        return DiagnosticStatus.OK, "no answer yet", values
    values["inference, ms"] = report.inference_ms
    if report.inference_too_slow:
        text = f"slower than a chunk lasts: {report.inference_ms:.0f} ms"
        return DiagnosticStatus.WARN, text, values
    return DiagnosticStatus.OK, f"{report.inference_ms:.0f} ms", values


def _text(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
