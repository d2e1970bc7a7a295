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

    from cosmos_policy.checkpoints import cards

    if as_json:
        known = [
            card.model_dump(exclude={"sampling", "generation"})
            | {
                "sampling": asdict(card.sampling),
                "generation": asdict(card.generation),
                "weights_gib": card.weights_gib,
            }
            for card in cards().values()
        ]
        print(json.dumps(known, indent=2))
        return
    console = Console(soft_wrap=True)
    for card in cards().values():
        sampling = card.sampling
        console.print(f"[bold]{card.name}[/bold]  {card.summary}", highlight=False)
        size = (
            "" if card.weights_gib is None else f"; {card.parameters_billions:g} B, {card.weights_gib:.0f} GiB in bf16"
        )
        console.print(f"    does {', '.join(card.abilities)}{size}", style="dim", highlight=False)
        if "actions" not in card.abilities:
            made = card.generation
            console.print(
                f"    {made.num_inference_steps} steps, guidance {made.guidance_scale:g}, shift {made.flow_shift:g}",
                style="dim",
                highlight=False,
            )
            continue
        trained = ", ".join(card.embodiments) if card.embodiments else "all"
        console.print(
            f"    embodiments {trained}; {sampling.num_inference_steps} steps, guidance {sampling.guidance_scale:g}, "
            f"shift {sampling.flow_shift:g}, {card.prompt_format} prompt",
            style="dim",
            highlight=False,
        )
