"""Several deployments, in a YAML file; a wrong value is told with its place and reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cosmos_policy.cluster.settings import Deployment, Scale
from cosmos_policy.errors import UsageError
from cosmos_policy.server.settings import ModelSource

CHECKPOINT_LOADER = "cosmos_policy.server.sources.checkpoint:load"


class _Replicas(BaseModel):
    model_config = ConfigDict(extra="forbid")
    minimum: int = 1
    maximum: int | None = None
    requests_per_replica: float = 4.0
    calm_s: float = 300.0
    surge_percent: int = 0


class _Entry(BaseModel):
    """One deployment as it stands in the file; the model's settings are those of ``cosmos_policy.load``."""

    model_config = ConfigDict(extra="forbid")
    name: str
    checkpoint: str
    calls: list[str] = Field(default_factory=list)
    replicas: _Replicas | int = 1
    gpus: float | None = None
    cpus: float = 1.0
    device: str | None = None
    dtype: str | None = None
    revision: str | None = None
    like: str | None = None
    engine: str = "native"
    fp8: bool = False
    offload: str | None = None
    warm_up_instructions: list[str] = Field(default_factory=list)


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")
    deployments: list[_Entry]


def read_deployments(path: Path) -> tuple[Deployment, ...]:
    """The deployments in a YAML file, in their order. Raises :class:`UsageError` in one sentence."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"There is no file of deployments {path} ({error.strerror}).") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise UsageError(f"{path}{where} is no YAML: {getattr(error, 'problem', error)}.") from None
    try:
        entries = _File.model_validate(content).deployments
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise UsageError(f"{path}: {place}: {first['msg']} (docs/cluster.md shows an example).") from None
    return tuple(_deployment(entry) for entry in entries)


def _deployment(entry: _Entry) -> Deployment:
    replicas = entry.replicas if isinstance(entry.replicas, _Replicas) else _Replicas(minimum=entry.replicas)
    told: dict[str, Any] = entry.model_dump(
        include={"checkpoint", "device", "dtype", "revision", "like", "engine", "fp8", "offload"}
    )
    return Deployment(
        name=entry.name,
        model=ModelSource(CHECKPOINT_LOADER, told),
        calls=tuple(entry.calls),
        scale=Scale(
            replicas.minimum,
            replicas.minimum if replicas.maximum is None else replicas.maximum,
            replicas.requests_per_replica,
            replicas.calm_s,
            replicas.surge_percent,
        ),
        gpus=entry.gpus,
        cpus=entry.cpus,
        warm_up_instructions=tuple(entry.warm_up_instructions),
    )


def parse_replicas(text: str, surge_percent: int) -> Scale:
    """ "3" or "2:6" (fewest and most); a :class:`UsageError` for anything else."""
    low, colon, high = text.partition(":")
    if not low.isdecimal() or (colon and not high.isdecimal()):
        raise UsageError(f'--replicas is {text!r}; expected a number such as "3", or fewest and most such as "2:6".')
    return Scale(int(low), int(high) if colon else int(low), surge_percent=surge_percent)
