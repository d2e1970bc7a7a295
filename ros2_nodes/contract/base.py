"""What all parts of a contract share: no unknown keys, no infinities, nothing that changes after it was read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Part(BaseModel):
    """One part of a contract."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


Topic = Annotated[str, StringConstraints(pattern=r"^(~/|/)?[A-Za-z_][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*$")]
"""A topic's name: absolute ("/joint_states"), relative, or private to the node ("~/instruction")."""

Name = Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]

QoS = Literal["sensor_data", "reliable", "latched"]
"""sensor_data: best effort, volatile, keep the last 5. reliable: reliable, volatile, keep the last 10.
latched: reliable, transient local, keep the last 1 (who comes late still gets the last message)."""
