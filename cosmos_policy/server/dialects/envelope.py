"""What comes with a request and is not part of it: whose session, how old, and how it goes on from the last chunk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cosmos_policy.server.continuation import Continuation
from cosmos_policy.server.errors import Invalid
from cosmos_policy.server.service import Caller, Timeliness
from cosmos_policy.wire.readers import read_number, read_text, read_whole

LONGEST_SESSION_ID = 200
LONGEST_MS = 1e9
MOST_STEPS = 1024
CONTINUATION_KEYS = ("executed_steps", "prefix_steps", "prefix_ms", "history_steps")


@dataclass(frozen=True)
class Envelope:
    """What comes with a request and is not part of it."""

    caller: Caller
    timeliness: Timeliness
    continuation: Continuation | None


def read_envelope(message: dict[str, Any], owner: str, dialect: str) -> Envelope:
    """Take session_id, age_ms, deadline_ms and the :data:`CONTINUATION_KEYS` out of `message`."""
    session_id = message.pop("session_id", None)
    if session_id is not None:
        session_id = read_text(session_id, "session_id")
        if not 1 <= len(session_id) <= LONGEST_SESSION_ID:
            raise Invalid(f"session_id must have 1 to {LONGEST_SESSION_ID} characters.")
    age, deadline = message.pop("age_ms", None), message.pop("deadline_ms", None)
    timeliness = Timeliness(
        age_ms=0.0 if age is None else _milliseconds(age, "age_ms", 0.0),
        deadline_ms=None if deadline is None else _milliseconds(deadline, "deadline_ms", 1.0),
    )
    continuation = read_continuation(message)
    for key in CONTINUATION_KEYS:
        message.pop(key, None)
    return Envelope(Caller(owner, dialect, session_id), timeliness, continuation)


def read_continuation(message: Mapping[str, Any]) -> Continuation | None:
    """The continuation that a message asks for; None where it names none of its keys."""
    given = {key: message[key] for key in CONTINUATION_KEYS if message.get(key) is not None}
    if not given:
        return None
    if "prefix_steps" in given and "prefix_ms" in given:
        raise Invalid("prefix_steps and prefix_ms were both given; expected one of them.")
    settings: dict[str, Any] = {
        key: read_whole(value, key, 0 if key == "executed_steps" else 1, MOST_STEPS)
        for key, value in given.items()
        if key != "prefix_ms"
    }
    if "prefix_ms" in given:
        settings["prefix_ms"] = _milliseconds(given["prefix_ms"], "prefix_ms", 0.0)
    return Continuation(**settings)


def _milliseconds(value: Any, name: str, low: float) -> float:
    number = read_number(value, name)
    if not low <= number <= LONGEST_MS:
        raise Invalid(f"{name} must be from {low:g} to {LONGEST_MS:g} milliseconds, not {number:g}.")
    return number
