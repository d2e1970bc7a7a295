"""Settings from YAML files and ``key=value`` overrides; a wrong value is told with its file, line and reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import TypeAdapter, ValidationError

from cosmos_policy.errors import UsageError
from cosmos_policy.training.settings import TrainSettings


def read_settings(path: Path, overrides: Sequence[str] = ()) -> TrainSettings:
    """The settings in a YAML file.

    overrides: ``"optimizer.learning_rate=1e-4"``, ``"datasets.0.path=demos"``: over what the file says; the value is
    read as YAML. Paths in the file are relative to the working folder. Raises :class:`UsageError`.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"There is no training configuration {path} ({error.strerror}).") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where} is no YAML: {getattr(error, 'problem', error)}.") from None
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no settings; expected YAML such as `base: tiny`, one setting a line.")
    overridden = set()
    for override in overrides:
        overridden.add(_override(content, override))
    try:
        return TypeAdapter(TrainSettings).validate_python(_with_exponents(content))
    except ValidationError as error:
        raise UsageError(_told(path, node, error, overridden)) from None


def _override(content: dict[str, Any], override: str) -> tuple[str, ...]:
    key, equals, value = override.partition("=")
    if not (key and equals):
        raise UsageError(f"--set {override!r} is not of the form name=value (for instance steps=1000).")
    parts = tuple(key.split("."))
    place: Any = content
    for position, part in enumerate(parts[:-1]):
        place = _item(place, part, override) if isinstance(place, list) else place.setdefault(part, {})
        if not isinstance(place, (dict, list)):
            raise UsageError(f"--set {override!r}: {'.'.join(parts[: position + 1])} has no settings inside.")
    if isinstance(place, list):
        raise UsageError(f"--set {override!r}: give a setting of the item, as in datasets.0.path=demos.")
    try:
        place[parts[-1]] = yaml.safe_load(value)
    except yaml.YAMLError:
        raise UsageError(f"--set {override!r}: the value is no YAML.") from None
    return parts


def _item(items: list, number: str, override: str) -> Any:
    if not number.isdigit() or int(number) >= len(items):
        raise UsageError(f"--set {override!r}: there is no item {number}; there are 0 to {len(items) - 1}.")
    return items[int(number)]


def _with_exponents(value: Any) -> Any:
    """YAML 1.1 reads 1e-4 as text, for want of a dot; here it is the number that everybody means."""
    if isinstance(value, dict):
        return {key: _with_exponents(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_exponents(inner) for inner in value]
    if isinstance(value, str) and value[:1] in "+-.0123456789" and "e" in value.lower():
        try:
            return float(value)
        except ValueError:
            return value
    return value


def _told(path: Path, node: yaml.Node, error: ValidationError, overridden: set[tuple[str, ...]]) -> str:
    """One sentence on the first problem, and how many more there are."""
    first, more = error.errors()[0], error.error_count() - 1
    place = tuple(str(part) for part in first["loc"])
    reason = first["msg"].removeprefix("Value error, ")
    if first["type"] == "unexpected_keyword_argument":
        reason = "there is no such setting"
    elif first["type"] in ("missing", "missing_argument"):
        reason = "this setting is needed"
    elif not isinstance(first.get("input"), (dict, list)):
        reason = f"{reason} (it is {first.get('input')!r})"
    name = ".".join(place) or "the settings"
    others = f" ({more} more after it)" if more else ""
    if place in overridden:
        return f"--set {name}: {reason}{others}."
    return f"{path}, line {_line(node, place)}: {name}: {reason}{others}."


def _line(node: yaml.Node, place: tuple[str, ...]) -> int:
    """The line (from 1) on which a setting stands, or the nearest thing around it that is there."""
    line = node.start_mark.line
    for part in place:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == part), None)
            if found is None:
                break
            line, node = found[0].start_mark.line, found[1]
        elif isinstance(node, yaml.SequenceNode) and part.isdigit() and int(part) < len(node.value):
            node = node.value[int(part)]
            line = node.start_mark.line
        else:
            break
    return line + 1
