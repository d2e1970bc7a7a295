"""A robot in one YAML file: `embodiments.load("my_robot.yaml")`. pydantic and yaml are imported by the first file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from embodiments.errors import EmbodimentError

if TYPE_CHECKING:
    from embodiments.embodiment import Embodiment

__all__ = ["load"]


def load(path: str | Path) -> Embodiment:
    """The embodiment that a YAML robot file describes; its form is that of `docs/my_robot.yaml`.

    A wrong file raises one `EmbodimentError` with the line and the reason of everything that is wrong in it.
    """
    from pydantic import ValidationError

    from embodiments.robot_file.lines import Document
    from embodiments.robot_file.schema import RobotFile

    path = Path(path)
    document = Document.read(path)
    try:
        robot_file = RobotFile.model_validate(document.content)
    except ValidationError as error:
        raise EmbodimentError(document.explain(error)) from None
    try:
        return robot_file.build(path.parent)
    except EmbodimentError as error:
        raise EmbodimentError(f"{path}: {error}") from None
