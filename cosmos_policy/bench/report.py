"""A bench as a table for people, and as JSON for programs."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from cosmos_policy.bench.run import Bench, Line

#: lines side by side in a table of stages
STAGE_COLUMNS = 4
STAGES = ("prepare", "text", "encode", "noise", "step", "denoise", "decode", "transfer")


def as_json(bench: Bench) -> dict[str, Any]:
    """Everything that was measured; times in milliseconds, rates per second, sizes in bytes."""
    lines = [{**asdict(line), "per_second": line.measurement.per_second} for line in bench.lines]
    return {**asdict(bench), "lines": lines}


def print_tables(bench: Bench, console: Console) -> None:
    """Totals with floor and memory, then the stages."""
    chip = bench.chip
    fp8 = "" if chip.fp8_products is None else f", {chip.fp8_products / 1e12:.0f} in fp8"
    console.print(
        f"{bench.device}, {bench.dtype}, {bench.parameters / 1e9:.2f} B parameters. Measured here: "
        f"{chip.products / 1e12:.3g} TFLOP/s{fp8}, {chip.bytes / 1e12:.3g} TB/s."
    )
    columns = ("#", "call", "engine", "batch", "p50 ms", "p99 ms", "per s", "floor ms", "x", "GiB", "error")
    totals = Table(*columns, box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    for number, line in enumerate(bench.lines, 1):
        totals.add_row(str(number), *_totals(line))
    console.print(totals)
    for start in range(0, len(bench.lines), STAGE_COLUMNS):
        console.print(_stages(bench.lines[start : start + STAGE_COLUMNS], start + 1))
    if bench.float32_error is not None:
        console.print(f"native against diffusers, both in float32: relative error {bench.float32_error:.1e}.")
    console.print(
        "floor: arithmetic and weights' bytes of denoising; x: denoising over it. error: relative to float32. "
        "new prompt: the whole call with an instruction that was never seen, without prepare."
    )
    for name in dict.fromkeys(line.measurement.engine for line in bench.lines):
        console.print(name)


def _stages(lines: list[Line], first: int) -> Table:
    numbers = (f"#{first + index}" for index in range(len(lines)))
    table = Table("p50 / p99 ms", *numbers, box=box.SIMPLE_HEAD)
    for stage in STAGES:
        spreads = [line.measurement.stages.get(stage) for line in lines]
        if any(spreads):
            table.add_row(stage, *("" if one is None else f"{one.p50:.1f} / {one.p99:.1f}" for one in spreads))
    news = [line.new_prompt for line in lines]
    if any(news):
        table.add_row("new prompt", *("" if one is None else f"{one.p50:.1f} / {one.p99:.1f}" for one in news))
    return table


def _short(engine: str) -> str:
    return engine.split()[0] + (" fp8" if "fp8" in engine else "")


def _totals(line: Line) -> list[str]:
    taken = line.measurement
    denoise = taken.stages["denoise"].p50
    return [
        line.case,
        _short(taken.engine),
        str(taken.batch),
        f"{taken.total.p50:.1f}",
        f"{taken.total.p99:.1f}",
        f"{taken.per_second:.2f}",
        "" if line.floor is None else f"{line.floor.denoise_ms:.1f}",
        "" if line.floor is None else f"{denoise / line.floor.denoise_ms:.2f}",
        f"{taken.peak_bytes / 2**30:.1f}",
        "" if line.error is None else f"{line.error:.1e}",
    ]
