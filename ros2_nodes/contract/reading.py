"""From a YAML file to a :class:`RobotContract`, with the line of everything that is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from cosmos_policy.errors import UsageError
from embodiments.errors import EmbodimentError
from embodiments.robot_file.lines import Document
from ros2_nodes.contract.robot_contract import RobotContract


def load_contract(path: str | Path, overrides: Mapping[str, Any] | None = None) -> RobotContract:
    """The contract in a YAML file; its form is told in docs/ros2.md.

    overrides: dotted names of settings -> values that replace those of the file ("execution.prefix": False).
    Raises :class:`UsageError`, one message with the line and the reason of everything that is wrong.
    """
    path = Path(path)
    try:
        document = Document.read(path, kind="contract")
    except EmbodimentError as error:
        raise UsageError(str(error)) from None
    content = document.content
    for name, value in (overrides or {}).items():
        content = _with(content, name.split("."), value, name)
    try:
        return RobotContract.model_validate({**content, "folder": path.parent})
    except ValidationError as error:
        raise UsageError(document.explain(error)) from None


def _with(content: Any, steps: list[str], value: Any, name: str) -> dict[str, Any]:
    """A copy of the tree with one value replaced. Where the path leads nowhere, the schema says so afterwards."""
    if not isinstance(content, dict):
        raise UsageError(f"the override {name!r} leads into {content!r}, which has no settings inside")
    first, *rest = steps
    return {**content, first: _with(content.get(first, {}), rest, value, name) if rest else value}
