"""A plan as a table for people, and as JSON for programs."""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from cosmos_policy.capacity.measured import MeasuredService
from cosmos_policy.capacity.sizing import Plan


def as_dict(plan: Plan, service: MeasuredService) -> dict[str, Any]:
    """Everything that was asked, measured and found; times in seconds."""
    return {
        "gpus": plan.site.gpus,
        "enough": plan.enough,
        "fails_first": asdict(plan.limits[0]),
        "limits": [asdict(limit) for limit in plan.limits],
        "outcome": {
            **asdict(plan.outcome),
            "latency_s": _finite(plan.outcome.latency_s),
            "missed": plan.outcome.missed,
        },
        "fleet": {**asdict(plan.fleet), "demand_hz": plan.fleet.demand_hz},
        "site": asdict(plan.site),
        "measured": {
            "source": service.source,
            "batches": {str(size): list(_spread(service, size)) for size in service.batches},
        },
    }


def print_plan(plan: Plan, service: MeasuredService, console: Console) -> None:
    """The answer first, then what it rests on."""
    fleet, site, outcome = plan.fleet, plan.site, plan.outcome
    first = plan.limits[0]
    word = "enough" if plan.enough else f"NOT enough ({first.name}, beyond {first.robots} robots)"
    console.print(
        f"{site.gpus} GPU{'s are' if site.gpus > 1 else ' is'} {word} for {fleet.robots} robots: "
        f"{fleet.demand_hz:.1f} chunks a second, each of {fleet.chunk} actions at {fleet.rate_hz:g} Hz, "
        f"{fleet.execute} executed."
    )
    table = Table("", "", box=box.SIMPLE_HEAD, show_header=False, padding=(0, 1, 0, 0))
    p50, p99, worst = (1e3 * seconds for seconds in outcome.latency_s)
    table.add_row("answer after", f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, worst {worst:.0f} ms")
    table.add_row("deadline", f"{1e3 * fleet.deadline_s:.0f} ms, missed by {100 * outcome.missed:.2f} %")
    refused = ", ".join(f"{count} {reason}" for reason, count in outcome.refused.items()) or "none"
    table.add_row("refused", f"{refused} (of {outcome.answered + sum(outcome.refused.values())} questions)")
    table.add_row("robots without actions", f"{100 * outcome.starved:.2f} % of their time")
    table.add_row("GPUs busy", f"{100 * outcome.busy:.0f} %, batches of {outcome.batch:.1f}")
    console.print(table)
    console.print("What gives way when the fleet grows on this site:")
    limits = Table("robots", "", box=box.SIMPLE_HEAD, show_header=False, padding=(0, 1, 0, 0))
    for place, limit in enumerate(plan.limits):
        limits.add_row(str(limit.robots), f"{limit.name}{' (first)' if place == 0 else ''}")
    console.print(limits)
    sizes = ", ".join("{}: {:.0f} / {:.0f} ms".format(size, *_spread(service, size, 1e3)) for size in service.batches)
    console.print(f"Measured: {service.source}; batch: p50 / p99 {sizes}.")


def _finite(seconds: tuple[float, ...]) -> list[float | None]:
    """As JSON can hold them: null where there was no answer."""
    return [each if math.isfinite(each) else None for each in seconds]


def _spread(service: MeasuredService, size: int, scale: float = 1.0) -> tuple[float, float]:
    """p50 and p99 of a batch, in seconds times `scale`."""
    return scale * service.quantile_s(size, 0.5), scale * service.quantile_s(size, 0.99)
