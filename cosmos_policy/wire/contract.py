"""Everything that a client and a server must agree on, so that a robot does what was meant."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from cosmos_policy.errors import UsageError

PROTOCOL = 2
#: What must be equal on both sides, and how to say it.
AGREED = {
    "domain_id": "Cosmos domain",
    "fps": "rate (Hz)",
    "views": "views",
    "view_layout": "view layout",
    "columns": "action columns",
    "state": "state quantities",
    "commands": "commands",
    "state_rows": "state rows",
}


def required_state(embodiment: Any) -> tuple[Any, ...]:
    """The quantities that a policy call reads from the observation's state, each once."""
    fields = (*embodiment.anchor_fields, *(embodiment.state_row_fields if embodiment.state_rows else ()))
    return tuple({field.name: field for field in fields}.values())


def describe_embodiment(embodiment: Any) -> dict[str, Any]:
    """The part of the contract that an embodiment fixes; plain JSON."""
    example = embodiment.example_observation(seed=0)
    example_state = {field.name: example["state"][field.name] for field in required_state(embodiment)}
    unified = embodiment.encode(embodiment.example_trajectory(num_steps=4))
    decoded = embodiment.decode(unified, example_state)
    told = {field.name: field for block in embodiment.blocks for field in (*block.fields, *block.state_fields)}
    statistics = embodiment.normalizer.statistics
    return {
        "name": embodiment.name,
        "title": embodiment.title,
        "domain_name": embodiment.domain_name,
        "domain_id": embodiment.domain_id,
        "fps": float(embodiment.fps),
        "chunk_size": embodiment.chunk_size,
        "columns": [{"name": c.name, "kind": c.kind, "unit": c.unit} for c in embodiment.columns],
        "views": list(embodiment.views),
        "view_layout": embodiment.view_layout.describe(),
        "state": [_describe_state(field, example_state[field.name]) for field in required_state(embodiment)],
        "commands": [
            {"name": name, "shape": list(rows.shape[1:]), **_describe_command(name, told.get(name))}
            for name, rows in decoded.items()
        ],
        "state_rows": embodiment.state_rows,
        "instruction_default": embodiment.instruction_default,
        "example_image_size": list(embodiment.example_image_size),
        "normalizer": embodiment.normalizer.describe(),
        "statistics_sha256": None if statistics is None else statistics.sha256,
        "notes": embodiment.notes,
    }


def contract_hash(embodiment: Mapping[str, Any]) -> str:
    """sha256 of what :func:`describe_embodiment` says, so that two sides compare one string."""
    return hashlib.sha256(json.dumps(embodiment, sort_keys=True).encode()).hexdigest()


def require_agreement(
    ours: Mapping[str, Any],
    theirs: Mapping[str, Any],
    where: str,
    *,
    own_normalizer: bool = False,
    own_chunk_size: bool = False,
) -> None:
    """Raise one sentence that names the first thing on which the client's robot and the server's differ.

    The checkpoint says which normaliser is right, and the server applies it; it is compared only where the caller gave
    the embodiment one of their own (`own_normalizer`), which does not travel. The same holds for the chunk size: the
    checkpoint's own is taken over, unless the caller chose another one (`own_chunk_size`).
    """
    if ours["name"] != theirs["name"]:
        raise UsageError(
            f"{where} serves the embodiment {theirs['name']!r}, not {ours['name']!r}: "
            f"connect to another server, or start one with --embodiment {ours['name']}."
        )
    for key, words in AGREED.items():
        if ours[key] != theirs.get(key):
            raise UsageError(
                f"{where} and this client disagree on {ours['name']}'s {words}: the server has "
                f"{_short(theirs.get(key))}, the client {_short(ours[key])}; install the same version on both sides."
            )
    if own_normalizer and ours["normalizer"] != theirs.get("normalizer"):
        raise UsageError(
            f"{where} normalises {ours['name']} with {theirs.get('normalizer')}, but this embodiment was given "
            f"{ours['normalizer']}: start the server with that normaliser, or take the embodiment as shipped."
        )
    if own_chunk_size and ours["chunk_size"] != theirs.get("chunk_size"):
        raise UsageError(
            f"{where} answers {ours['name']} with chunks of {theirs.get('chunk_size')} actions, but this embodiment "
            f"was given {ours['chunk_size']}: take the embodiment as shipped, and ask for chunk_size in the request."
        )


def _describe_state(field: Any, example: Any) -> dict[str, Any]:
    return {
        "name": field.name,
        "shape": list(field.shape),
        "unit": field.unit,
        "meaning": field.meaning,
        "example": [round(float(number), 6) for number in example.reshape(-1)],
    }


def _describe_command(name: str, field: Any) -> dict[str, str]:
    """Unit and meaning of a decoded command: the robot's own words where it has a quantity of that name."""
    if field is not None:
        return {"unit": field.unit, "meaning": field.meaning}
    if name.endswith("_quaternion_xyzw"):
        return {"unit": "1", "meaning": "orientation, quaternion x, y, z, w"}
    return {"unit": "m", "meaning": "position x, y, z"}


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 160 else text[:157] + "..."
