"""``cosmos-policy judge``: how often is a judge of roll-outs right, and a small one trained on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from cosmos_policy.cli import options


def judge(
    rollouts: Annotated[
        list[Path], typer.Option(help="Folder that cosmos-policy rollout wrote, with films; may be repeated.")
    ],
    judge: Annotated[str, typer.Option(help='"reasoner", or the file of a trained head.')] = "reasoner",
    checkpoint: options.Checkpoint = "tiny",
    like: options.Like = None,
    question: Annotated[str | None, typer.Option(help='Asked of the reasoner; "{instruction}" is filled in.')] = None,
    sees: Annotated[str | None, typer.Option(help="What the reasoner sees: last (frame, the default) or clip.")] = None,
    threshold: Annotated[float, typer.Option(help="The judge says yes from this probability on.")] = 0.5,
    train: Annotated[
        Path | None,
        typer.Option(help="Train a head on a part of the roll-outs, write it here, measure it on the rest."),
    ] = None,
    held_out: Annotated[float, typer.Option(help="The part that is not trained on.")] = 0.34,
    seed: options.Seed = 0,
    output: Annotated[Path | None, typer.Option(help="Write the confusion here, for the reward's measured=.")] = None,
    device: options.Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Hold a judge against roll-outs whose end is known, and print its confusion matrix.

    Example: cosmos-policy judge --rollouts lift --rollouts lift_failed --train head.npz --output judged.json
    """
    import cosmos_policy
    from sim_eval.rewards.judge import REASONER, make_judge
    from sim_eval.rewards.judges import JudgeHead, check_threshold, measure, read_labelled, split

    check_threshold(threshold)
    labelled = read_labelled(rollouts)
    trained = 0
    if train is not None:
        learnt, labelled = split(labelled, held_out, seed)
        head = JudgeHead.train([one.clip for one in learnt], [one.success for one in learnt])
        head.save(train)
        judge, trained = str(train), len(learnt)
    asked = {name: value for name, value in (("sees", sees), ("question", question)) if value is not None}
    chosen = make_judge(judge, **asked)
    if judge == REASONER:
        with cosmos_policy.load(checkpoint, device=device, like=like) as model:
            confusion, chances = measure(chosen, labelled, model, threshold)
    else:
        confusion, chances = measure(chosen, labelled, None, threshold)
    facts = {
        "judge": chosen.name,
        "checkpoint": checkpoint if judge == REASONER else None,
        "threshold": threshold,
        "trained_on": trained,
        "confusion": confusion.as_json(),
        "roll_outs": [
            {"source": one.source, "success": one.success, "probability": chance}
            for one, chance in zip(labelled, chances, strict=True)
        ],
    }
    if output is not None:
        options.deliver(json.dumps(facts, indent=1), output)
    if as_json:
        print(json.dumps(facts, indent=1))
    else:
        _print_table(confusion)
        print(f"{chosen.name}: {confusion.describe()}.")


def _print_table(confusion) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="judged, against the truth")
    for heading in ("", "success", "failure"):
        table.add_column(heading, justify="left" if not heading else "right")
    table.add_row("judge says yes", str(confusion.true_yes), str(confusion.false_yes))
    table.add_row("judge says no", str(confusion.false_no), str(confusion.true_no))
    Console().print(table)
