"""``cosmos-policy checkpoints``: which checkpoints are known, and how each is sampled."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer


def checkpoints(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the known checkpoints.

    Example: cosmos-policy checkpoints --json
    """
    from rich.console import Console
    from rich.table import Table

    from cosmos_policy.checkpoints import cards

    if as_json:
        known = [
            card.model_dump(exclude={"sampling"}) | {"sampling": asdict(card.sampling)} for card in cards().values()
        ]
        print(json.dumps(known, indent=2))
        return
    table = Table("name", "what it is", "embodiments", "steps", "guidance", "shift", "prompt")
    for card in cards().values():
        sampling = card.sampling
        table.add_row(
            card.name,
            card.summary,
            ", ".join(card.embodiments) if card.embodiments else "all",
            str(sampling.num_inference_steps),
            f"{sampling.guidance_scale:g}",
            f"{sampling.flow_shift:g}",
            card.prompt_format,
        )
    Console().print(table)
