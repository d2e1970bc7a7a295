"""``cosmos-policy doctor``: what works here, and how to get the rest."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

MARKS = {True: "[green]works[/green]", False: "[yellow]missing[/yellow]", None: ""}


def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Tell what is installed, which GPU paths work, what is missing and how to get it.

    Example: cosmos-policy doctor
    """
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from cosmos_policy.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps([asdict(finding) for finding in findings], indent=2))
        return
    table = Table(box=None, show_header=False, pad_edge=False)
    for finding in findings:
        cure = f"\n[dim]get it: {escape(finding.cure)}[/dim]" if finding.cure else ""
        table.add_row(escape(finding.subject), MARKS[finding.works], f"{escape(finding.found)}{cure}")
    Console().print(table)
