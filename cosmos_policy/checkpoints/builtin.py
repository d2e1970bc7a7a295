"""Checkpoints that come with the package: nothing is downloaded for them."""

from __future__ import annotations

from pathlib import Path

from cosmos_policy.checkpoints.tiny import tiny_checkpoint

#: Beside this file, as recipes/small trained it.
SMALL = Path(__file__).parent / "small"


def builtin_folder(name: str) -> Path:
    """The folder of ``small``, or of ``tiny``, which is made when it is first asked for."""
    return {"tiny": tiny_checkpoint, "small": lambda: SMALL}[name]()
