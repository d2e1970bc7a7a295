"""YAML with line numbers: where in the file a value stands, and pydantic's complaints told with their lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from embodiments.errors import EmbodimentError

if TYPE_CHECKING:
    from pydantic import ValidationError


class _StrictLoader(yaml.SafeLoader):
    """SafeLoader that refuses a key given twice: YAML would take the last one in silence."""


def _mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict:
    seen: dict[Any, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if key.value in seen:
            raise EmbodimentError(f"line {line}: {key.value!r} is given twice, first in line {seen[key.value]}")
        seen[key.value] = line
    return dict(loader.construct_pairs(node, deep=True))


_StrictLoader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, _mapping)


@dataclass(frozen=True, eq=False)
class Document:
    """A YAML file: its content, and its tree of nodes that know their lines."""

    path: Path
    content: Any
    root: yaml.Node

    @classmethod
    def read(cls, path: Path, kind: str = "robot file") -> Document:
        """Read the file, a `kind`; `EmbodimentError` if it is not there, is no YAML, or is no mapping."""
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise EmbodimentError(f"cannot read the {kind} {path}: {error.strerror}") from None
        except UnicodeDecodeError as error:
            raise EmbodimentError(f"{path} is no text in UTF-8 ({error.reason} at byte {error.start})") from None
        try:
            root = yaml.compose(text, Loader=_StrictLoader)
            content = yaml.load(text, Loader=_StrictLoader)  # a SafeLoader: plain data only
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            where = f"line {mark.line + 1}: " if mark else ""
            raise EmbodimentError(f"{path}: {where}{getattr(error, 'problem', None) or error}") from None
        except EmbodimentError as error:
            raise EmbodimentError(f"{path}: {error}") from None
        if not isinstance(content, dict):
            raise EmbodimentError(f"the {kind} {path} must hold a mapping (key: value), but holds none")
        return cls(path, content, root)

    def line(self, location: tuple[str | int, ...]) -> int:
        """The line of the value at `location`, or of the nearest thing around it that is in the file."""
        node, line = self.root, self.root.start_mark.line + 1
        for step in location:
            inner = _child(node, step)
            if inner is not None:  # pydantic also puts the tags of unions into its locations: not in the file
                node, line = inner
        return line

    def explain(self, error: ValidationError) -> str:
        """All of pydantic's complaints in file order, each with its line."""
        told = []
        for problem in error.errors(include_url=False):
            location = problem["loc"]
            name = ".".join(str(step) for step in location) or "the file"
            given = problem.get("input")
            shown = f" (given: {given!r})" if isinstance(given, (str, int, float, bool)) else ""
            message = problem["msg"].removeprefix("Value error, ")
            told.append((self.line(location), f"line {self.line(location)}, {name}: {message}{shown}"))
        return f"{self.path}: " + "; ".join(text for _, text in sorted(told))


def _child(node: yaml.Node, step: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return value, key.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step], node.value[step].start_mark.line + 1
    return None
