"""``cosmos-policy capacity``: how many GPUs a fleet of robots needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

SITE = "Site"


def capacity(
    robots: Annotated[int, typer.Option(help="How many robots.")],
    measured: Annotated[Path, typer.Option(help="What `cosmos-policy bench --batch 1,2,4,8 --json` printed.")],
    rate: Annotated[float, typer.Option(help="Actions a second of each robot (Hz).")] = 15.0,
    chunk: Annotated[int, typer.Option(help="Actions of an answer.")] = 32,
    execute: Annotated[int | None, typer.Option(help="Of those, executed before the next takes over; half.")] = None,
    deadline_ms: Annotated[float, typer.Option(help="From an observation's capture to its answer.")] = 800.0,
    jitter: Annotated[float, typer.Option(help="Share by which a robot's period scatters.")] = 0.1,
    allowed_misses: Annotated[float, typer.Option(help="Share of questions that may miss it.")] = 0.01,
    gpus: Annotated[int | None, typer.Option(help="Judge this number in place of looking for one.")] = None,
    call: Annotated[str, typer.Option(help="Which measured call the robots make.")] = "policy",
    embodiment: Annotated[str, typer.Option(help="The robot: how large its pictures are.")] = "droid_joint",
    max_batch: Annotated[int, typer.Option(help="As of serve.", rich_help_panel=SITE)] = 8,
    max_queue: Annotated[int, typer.Option(help="As of serve.", rich_help_panel=SITE)] = 128,
    batch_wait_ms: Annotated[float, typer.Option(help="As of serve.", rich_help_panel=SITE)] = 0.0,
    outside_ms: Annotated[
        float, typer.Option(help="Of an answer outside queue and GPU: network, serialization.", rich_help_panel=SITE)
    ] = 4.0,
    between_ms: Annotated[
        float, typer.Option(help="Between two batches, in which the GPU waits.", rich_help_panel=SITE)
    ] = 0.0,
    door_ms: Annotated[
        float, typer.Option(help="Processor time that taking a request costs.", rich_help_panel=SITE)
    ] = 4.0,
    doors: Annotated[
        int | None, typer.Option(help="Processors that take requests; one a GPU.", rich_help_panel=SITE)
    ] = None,
    routing: Annotated[
        str,
        typer.Option(help="shortest (of all queues) or two (the better of two, as Ray Serve).", rich_help_panel=SITE),
    ] = "shortest",
    network_gbps: Annotated[float, typer.Option(help="Of the link into the site.", rich_help_panel=SITE)] = 10.0,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answer.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Simulate a fleet on measured GPUs: how many are needed, what p99, and what fails first.

    Example: cosmos-policy capacity --robots 40 --rate 15 --chunk 32 --deadline-ms 800 --measured bench.json
    """
    from rich.console import Console

    import embodiments
    from cosmos_policy.capacity import Fleet, Site, plan, read_measured
    from cosmos_policy.capacity.report import as_dict, print_plan

    robot = embodiments.get(embodiment)
    pixels = sum(image.size for image in robot.example_observation(seed=0)["images"].values())
    service = read_measured(measured, call)
    executed = max(1, chunk // 2) if execute is None else execute
    fleet = Fleet(robots, rate, chunk, executed, deadline_ms / 1e3, pixels, jitter)
    site = Site(
        gpus=gpus or 1,
        max_batch=max_batch,
        max_queue=max_queue,
        batch_wait_s=batch_wait_ms / 1e3,
        outside_s=outside_ms / 1e3,
        between_s=between_ms / 1e3,
        door_s=door_ms / 1e3,
        doors=doors or 1,
        network_bits_s=1e9 * network_gbps,
        routing=routing,
    )
    found = plan(fleet, site, service, allowed_misses=allowed_misses, gpus=gpus, seed=seed, own_doors=doors is None)
    if as_json:
        print(json.dumps(as_dict(found, service), indent=2))
    else:
        print_plan(found, service, Console())
